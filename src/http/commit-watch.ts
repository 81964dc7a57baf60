// Whether the database can commit, as the last commit of deliveries went. No `select 1` can tell: a disk that is full still
// answers it. While that commit has failed, one of its deliveries is kept in memory, and whoever wants to know whether the
// database is back has that one recorded anew: a write of the very kind that matters, and one that does no harm, since it was
// verified, and recording it again changes nothing. It was promised to nobody, unless the outage store has it too.
import type { NewDelivery, RecordedDelivery } from '../db/deliveries.ts';
import { isUnavailable } from '../errors.ts';

type Record = (group: readonly NewDelivery[]) => Promise<RecordedDelivery[]>;

export interface CommitWatch {
  /** As the one that is watched. */
  readonly record: Record;
  /** False once a commit failed since the database could not, until one succeeds. */
  canCommit(): boolean;
  /** Commits once more what failed, and answers whether it could. At most once a second, however many ask; never throws. */
  tryAgain(): Promise<boolean>;
}

// Anybody may ask for `/readyz`.
const tryIntervalMs = 1_000;

/** `announce` is told the ids of what trying again has recorded. */
export function watchCommits(record: Record, announce: (ids: readonly string[]) => void): CommitWatch {
  let failed: NewDelivery | undefined;
  let trying: Promise<void> | undefined;
  let triedAt = Number.NEGATIVE_INFINITY;

  const watched: Record = async (group) => {
    try {
      const recorded = await record(group);
      failed = undefined;
      return recorded;
    } catch (error) {
      if (isUnavailable(error)) failed = group[0];
      throw error;
    }
  };
  const tryOnce = async (delivery: NewDelivery) => {
    try {
      announce((await watched([delivery])).map(({ id }) => id));
    } catch (error) {
      // It is refused for what it is, and says nothing of others: the next one that comes finds out.
      if (!isUnavailable(error)) failed = undefined;
    }
    trying = undefined;
  };
  return {
    record: watched,
    canCommit: () => failed === undefined,
    tryAgain: async () => {
      if (failed !== undefined && trying === undefined && performance.now() - triedAt >= tryIntervalMs) {
        triedAt = performance.now();
        trying = tryOnce(failed);
      }
      await trying;
      return failed === undefined;
    },
  };
}
