// What a signal asks for. SIGTERM is a platform's, which has a proxy in front and takes its leave; SIGINT is a person's, and so
// is whatever comes second. One that reaches us twice is told once: whoever signals a whole group of processes, as systemd
// and terminals do, is joined by a parent that passes the same signal on to its own.
import type { Log } from './log.ts';

export interface SignalsDependencies {
  /** The process, or what plays it. */
  readonly source: Pick<NodeJS.EventEmitter, 'on'>;
  readonly log: Log;
  readonly nowMs: () => number;
  /** `isLeaving`: a proxy in front is to have time to notice. */
  readonly end: (isLeaving: boolean) => void;
}

// Far longer than a parent takes to pass a signal on, and no longer than a person needs to mean it again.
const sameSignalMs = 1_000;

export function onStopSignals({ source, log, nowMs, end }: SignalsDependencies): void {
  let first: { readonly signal: NodeJS.Signals; readonly atMs: number } | undefined;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    source.on(signal, () => {
      const atMs = nowMs();
      if (first?.signal === signal && atMs - first.atMs < sameSignalMs) {
        log.info({ signal }, 'the same signal came twice at once and is taken for one');
        return;
      }
      log.info({ signal }, 'stopping');
      end(signal === 'SIGTERM' && first === undefined);
      first ??= { signal, atMs };
    });
  }
}
