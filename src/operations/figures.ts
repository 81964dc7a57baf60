// What monitoring asks for again and again, by the names of its metrics.
import { readHeldBackSeconds } from '../db/changes.ts';
import type { Queries } from '../db/connect.ts';
import { readDeliveryFigures, readRefusalFigures, readSessionFigures } from '../db/status.ts';
import { thresholds } from './status.ts';

/** Each reads what belongs together; a statement that hangs is one's alone. */
export function figureReads(db: Queries, now: () => Date) {
  return [
    () => readOwed(db, now()),
    () => readRefused(db, now()),
    () => readOpen(db, now()),
    () => readFeed(db),
  ];
}

async function readOwed(db: Queries, now: Date) {
  const { owed, failing, oldestOwedAt, parked } = await readDeliveryFigures(db);
  return {
    ilive_deliveries_owed: owed,
    ilive_deliveries_failing: failing,
    ilive_deliveries_oldest_owed_age_seconds:
      oldestOwedAt === null ? 0 : Math.max(0, (now.getTime() - new Date(oldestOwedAt).getTime()) / 1000),
    ilive_deliveries_parked: parked,
  };
}

async function readRefused(db: Queries, now: Date) {
  const { refused, remedies } = await readRefusalFigures(db, now);
  const withRemedy = remedies.filter(({ remedy }) => remedy !== 'none');
  return {
    ilive_refusals_refused: refused,
    ilive_refusals_with_remedy: withRemedy.reduce((sum, { count }) => sum + count, 0),
  };
}

async function readOpen(db: Queries, now: Date) {
  const spans = { nearMs: thresholds.nearDeadlineMs, graceMs: thresholds.overdueGraceMs };
  const { open, overdue } = await readSessionFigures(db, now, spans);
  return { ilive_sessions_open: open, ilive_sessions_overdue: overdue };
}

async function readFeed(db: Queries) {
  return { ilive_changes_held_back_seconds: await readHeldBackSeconds(db) };
}
