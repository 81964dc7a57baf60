// Retention of the stored bodies, as a task that comes round in each worker: what is dropped and what stays is told in the
// log. Any number of workers may do it at once; one does, and the others find nothing left.
import type { Database } from '../db/connect.ts';
import { dropOldBodies, findBodiesCutoff, type StayReason } from '../db/drop-bodies.ts';
import type { Log } from '../log.ts';

export interface RetentionDependencies {
  readonly db: Database;
  /** 0 for ever. */
  readonly keepMs: number;
  /** Whether the time is certain enough to delete by it. */
  readonly mayForget: () => boolean;
  /** Looked at between days: a stop does not wait for all of them. */
  readonly isStopping: () => boolean;
  readonly log: Log;
  readonly now: () => Date;
  readonly onDropped: (dayCount: number) => void;
}

const stayTexts: Readonly<Record<StayReason, string>> = {
  owed: 'a delivery of that day is still owed',
  many_parked: 'more deliveries of that day are parked than can be set aside; decide about them',
  in_use: 'something else uses the table; it is tried again',
  replay_running: 'a replay is running',
};

/** Drops the bytes of whole days that are older than `keepMs`. */
export async function retainBodies({
  db,
  keepMs,
  mayForget,
  isStopping,
  log,
  now,
  onDropped,
}: RetentionDependencies): Promise<void> {
  if (keepMs === 0 || !mayForget()) return;
  const before = await findBodiesCutoff(db, now(), keepMs);
  if (before === null) return;
  const { dropped, stayed, movedCount, deletedCount } = await dropOldBodies(db, before, isStopping);
  onDropped(dropped.length);
  if (dropped.length + deletedCount > 0) {
    log.info(
      { days: dropped, movedCount, deletedCount },
      'dropped bodies that are older than BODIES_KEEP_DAYS',
    );
  }
  for (const { name, why } of stayed) {
    log.warn({ day: name, why: stayTexts[why] }, 'a day is older than BODIES_KEEP_DAYS and stays');
  }
}
