// What keeps the tables in shape, off every hot path. Each task is harmless when several processes do it at once, and
// none of them is needed for a delivery to be accepted or processed.
import { dropOldChanges, renewGeneration } from '../db/changes.ts';
import type { Database } from '../db/connect.ts';
import { dropOldIdempotencyKeys } from '../db/idempotency-keys.ts';
import { createBodyPartitions } from '../db/partitions.ts';
import { dropOldRefusals } from '../db/refusals.ts';
import type { Log } from '../log.ts';

const partitionDaysAhead = 7;
// Dropped in pieces, so that no statement takes long.
const droppedPiece = 5_000;

export interface UpkeepDependencies {
  readonly db: Database;
  /** How long a refused request is kept. */
  readonly refusalsKeepMs: number;
  /** How long the change feed can be resumed. */
  readonly changesKeepMs: number;
  /** Whether the time is certain enough to delete by it. */
  readonly mayForget: () => boolean;
  /** Looked at between pieces: a stop does not wait for all of them. */
  readonly isStopping: () => boolean;
  readonly log: Log;
  readonly now: () => Date;
}

/** Makes the coming days' partitions of the stored bodies, and forgets idempotency keys, refusals and changes that are old. */
export async function keepUp(deps: UpkeepDependencies): Promise<void> {
  const { db, refusalsKeepMs, changesKeepMs, log, now } = deps;
  if (await renewGeneration(db))
    log.warn('this database was restored from a dump: the change feed goes on in a new generation');
  const partitions = await createBodyPartitions(db, now(), partitionDaysAhead);
  if (partitions.length > 0) log.info({ partitions }, 'made partitions for the coming days');
  if (!deps.mayForget()) {
    log.warn('the clocks do not agree, or one has jumped: nothing is deleted by its age');
    return;
  }
  const inPieces = (drop: () => Promise<number>) => dropInPieces(drop, deps.isStopping);
  await inPieces(() => dropOldIdempotencyKeys(db, now(), droppedPiece));
  const refusalsBefore = new Date(now().getTime() - refusalsKeepMs);
  const refusals = await inPieces(() => dropOldRefusals(db, refusalsBefore, droppedPiece));
  if (refusals > 0)
    log.info({ count: refusals }, 'let go of refusals that are older than REFUSALS_KEEP_DAYS');
  const changesBefore = new Date(now().getTime() - changesKeepMs);
  await inPieces(() => dropOldChanges(db, changesBefore, droppedPiece));
}

async function dropInPieces(drop: () => Promise<number>, isStopping: () => boolean): Promise<number> {
  let count = 0;
  while (!isStopping()) {
    const dropped = await drop();
    count += dropped;
    if (dropped < droppedPiece) break;
  }
  return count;
}
