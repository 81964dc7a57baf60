// How many rings may wait for somebody who hears them. Where no worker runs they gather, and a Redis that evicts nothing
// would be full of them one day; by then they are worth nothing, since the sweep looks after whatever is owed.
import type { Queue } from 'bullmq';

/**
 * Jobs that may wait in one lane. Some fifteen seconds of rings at 300 deliveries a second, and minutes at thousands, whose
 * jobs are full: 45 MB of Redis where all of them are. What has waited for longer than LATE_AFTER_SECONDS is late anyway.
 */
export const waitingMaxJobs = 2_000;
const countEveryJobs = 100;
const recountAfterMs = 1_000;

export interface Crowd {
  /** Counts when it is time for it; rejects where the store does not answer. */
  isThere(): Promise<boolean>;
  /** So many jobs have been added. */
  grow(jobCount: number): void;
}

export function watchCrowd(queue: Queue): Crowd {
  let waiting = 0;
  let countedAt = Number.NEGATIVE_INFINITY;
  let addedSince = Number.POSITIVE_INFINITY;
  return {
    isThere: async () => {
      const isDue =
        waiting < waitingMaxJobs
          ? addedSince >= countEveryJobs
          : performance.now() - countedAt >= recountAfterMs;
      if (isDue) {
        waiting = await queue.getWaitingCount();
        countedAt = performance.now();
        addedSince = 0;
      }
      return waiting >= waitingMaxJobs;
    },
    grow: (jobCount) => {
      addedSince += jobCount;
    },
  };
}
