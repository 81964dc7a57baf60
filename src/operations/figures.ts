// What monitoring asks for again and again, by the names of its metrics.
import { readHeldBackSeconds } from '../db/changes.ts';
import type { Queries } from '../db/connect.ts';
import { readDeliveryFigures, readRefusalFigures, readSessionFigures } from '../db/status.ts';
import { thresholds } from './status.ts';

export async function readFigures(db: Queries, now: Date) {
  const spans = { nearMs: thresholds.nearDeadlineMs, graceMs: thresholds.overdueGraceMs };
  const [deliveries, refusals, sessions, heldBackSeconds] = await Promise.all([
    readDeliveryFigures(db),
    readRefusalFigures(db, now),
    readSessionFigures(db, now, spans),
    readHeldBackSeconds(db),
  ]);
  const oldest = deliveries.oldestOwedAt;
  return {
    ilive_deliveries_owed: deliveries.owed,
    ilive_deliveries_failing: deliveries.failing,
    ilive_deliveries_oldest_owed_age_seconds:
      oldest === null ? 0 : Math.max(0, (now.getTime() - new Date(oldest).getTime()) / 1000),
    ilive_deliveries_parked: deliveries.parked,
    ilive_refusals_refused: refusals.refused,
    ilive_refusals_with_remedy: refusals.remedies
      .filter(({ remedy }) => remedy !== 'none')
      .reduce((sum, { count }) => sum + count, 0),
    ilive_sessions_open: sessions.open,
    ilive_sessions_overdue: sessions.overdue,
    ilive_changes_held_back_seconds: heldBackSeconds,
  };
}
