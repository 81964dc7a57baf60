// What the parts of the composition root share while the service runs, and what a caller may set in place of the real
// thing.
import type { Registry } from 'prom-client';
import type { Cipher } from './cipher.ts';
import type { Config } from './config.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { SteadyClock } from './steady-clock.ts';

export interface Overrides {
  readonly log?: Log;
  /** Plays the time: it is believed, however it jumps. */
  readonly now?: () => Date;
  /** In place of the machine's clock, which is not believed when it jumps. */
  readonly wall?: () => Date;
  /** In place of the time that passes in this process, whatever is done to clocks. */
  readonly passedMs?: () => number;
  /** Waits on the clock of `now`. */
  readonly wait?: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Gives what `/metrics` answers; this process's own where it is the only one. Called once. */
  readonly shareMetrics?: (own: Registry) => () => Promise<string>;
  /** Called when the service cannot go on and must be started anew. */
  readonly onLost?: () => void;
}

/** What the parts of the composition root share. */
export interface Running extends Required<Omit<Overrides, 'wall' | 'passedMs'>> {
  readonly clock: SteadyClock;
  readonly config: Config;
  /** Undefined where no encryption key is configured. */
  readonly cipher: Cipher | undefined;
  readonly metrics: Metrics;
  /** What `stop` undoes, last in first out; each step is awaited within the grace period. */
  readonly undo: { readonly name: string; readonly run: () => Promise<void> }[];
  isStopping: boolean;
  address: string | undefined;
}
