// Whether the front door can take one more request, asked before its body is read: better a 503 at once, which iLive tries
// again on, than one that comes when nobody waits for it any more. It bounds what a receiver holds in memory, and looks at how
// long a commit would have to be waited for and at how late the event loop is.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Held } from './read-body.ts';

export const shedReasons = ['deliveries', 'bytes', 'wait', 'event_loop'] as const;
export type ShedReason = (typeof shedReasons)[number];

export interface AdmissionOptions {
  /** Bodies that are read or wait for their commit, all together. */
  readonly maxBytes: number;
  readonly maxWaitMs: number;
  readonly maxLoopDelayMs: number;
  /** Whether as many deliveries wait for their commit as may. */
  readonly isQueueFull: () => boolean;
  readonly expectedWaitMs: () => number;
  readonly loopDelayMs: () => number;
  readonly onShed: (reason: ShedReason) => void;
}

export interface Admission {
  /** Why a request is turned away; undefined for one that may come in. */
  refuse(): ShedReason | undefined;
  /** Counts the bytes of one request; to be released once it is answered. */
  hold(): Held;
}

export function createAdmission(options: AdmissionOptions): Admission {
  let heldBytes = 0;
  const reasonNow = (): ShedReason | undefined => {
    if (options.isQueueFull()) return 'deliveries';
    if (heldBytes >= options.maxBytes) return 'bytes';
    if (options.expectedWaitMs() > options.maxWaitMs) return 'wait';
    return options.loopDelayMs() > options.maxLoopDelayMs ? 'event_loop' : undefined;
  };
  return {
    refuse: () => {
      const reason = reasonNow();
      if (reason !== undefined) options.onShed(reason);
      return reason;
    },
    hold: () => {
      let own = 0;
      return {
        add: (bytes) => {
          if (heldBytes + bytes > options.maxBytes) {
            options.onShed('bytes');
            return false;
          }
          own += bytes;
          heldBytes += bytes;
          return true;
        },
        release: () => {
          heldBytes -= own;
          own = 0;
        },
      };
    },
  };
}

export interface LoopWatch {
  /** How late the event loop came round in each of the last two half seconds, in their middle. */
  delayMs(): number;
  stop(): void;
}

const resolutionMs = 10;
const lookMs = 500;

/**
 * The middle and not the worst, and two looks and not one: neither a long collection of garbage, nor a machine that stood still
 * for a moment, nor a start on a slow one is a reason to turn anybody away.
 */
export function watchLoop(): LoopWatch {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  let before = 0;
  let last = 0;
  const timer = setInterval(() => {
    before = last;
    // What is measured is the time between two ticks of a timer.
    last = Math.max(0, histogram.percentile(50) / 1e6 - resolutionMs);
    histogram.reset();
  }, lookMs);
  timer.unref();
  return {
    delayMs: () => Math.min(before, last),
    stop: () => {
      clearInterval(timer);
      histogram.disable();
    },
  };
}
