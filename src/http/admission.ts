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

interface Holder {
  bytes: number;
  /** Ends the reading of its body; undefined for one that has come whole. */
  giveWay: (() => void) | undefined;
}

export function createAdmission(options: AdmissionOptions): Admission {
  let heldBytes = 0;
  /** Those that hold bytes of a body of which more is to come. */
  const unfinished = new Set<Holder>();
  const reasonNow = (): ShedReason | undefined => {
    if (options.isQueueFull()) return 'deliveries';
    if (heldBytes >= options.maxBytes && unfinished.size === 0) return 'bytes';
    if (options.expectedWaitMs() > options.maxWaitMs) return 'wait';
    return options.loopDelayMs() > options.maxLoopDelayMs ? 'event_loop' : undefined;
  };
  const release = (holder: Holder) => {
    heldBytes -= holder.bytes;
    holder.bytes = 0;
    unfinished.delete(holder);
  };
  // Nothing is proven yet of a body that is being read, and a stranger's may be large and never end: the largest gives way to a
  // smaller one, as iLive's are.
  const makeRoom = (bytes: number, total: number): boolean => {
    while (heldBytes + bytes > options.maxBytes) {
      let largest: Holder | undefined;
      for (const each of unfinished) if (each.bytes > (largest?.bytes ?? total)) largest = each;
      options.onShed('bytes');
      if (largest === undefined) return false;
      release(largest);
      largest.giveWay?.();
    }
    return true;
  };
  return {
    refuse: () => {
      const reason = reasonNow();
      if (reason !== undefined) options.onShed(reason);
      return reason;
    },
    hold: () => {
      const holder: Holder = { bytes: 0, giveWay: undefined };
      return {
        begin: (giveWay) => {
          holder.giveWay = giveWay;
        },
        add: (bytes) => {
          if (!makeRoom(bytes, holder.bytes + bytes)) return false;
          holder.bytes += bytes;
          heldBytes += bytes;
          if (holder.giveWay !== undefined) unfinished.add(holder);
          return true;
        },
        finish: () => {
          holder.giveWay = undefined;
          unfinished.delete(holder);
        },
        release: () => release(holder),
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
