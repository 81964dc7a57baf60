// The open loop of `arrivals.ts`, as whoever measures starts and ends it.
import type { Arrival, ArrivalsJob, ArrivalsMessage } from './arrivals.ts';
import { forkLoad, untilTold } from './load-process.ts';

export interface Arrivals {
  readonly pid: number;
  /** Ends it; resolves once all that can still be seen has been seen. */
  stop(): Promise<readonly Arrival[]>;
  /** Ends it, whatever is under way. */
  leave(): void;
}

/** Begins at once, at the service that is at `address`. */
export function startArrivals(address: string, job: Omit<ArrivalsJob, 'url'>, signal: AbortSignal): Arrivals {
  const url = new URL('/webhooks/ilive', address).href;
  const child = forkLoad('arrivals.ts', { ...job, url }, signal);
  return {
    pid: child.pid ?? 0,
    stop: async () => {
      const telling = untilTold<ArrivalsMessage, 'ended'>(child, 'ended', signal);
      child.send('stop');
      return (await telling).arrivals;
    },
    leave: () => {
      if (child.connected) child.disconnect();
    },
  };
}
