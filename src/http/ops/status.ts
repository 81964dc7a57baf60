// `GET /v1/ops/status`: one look at everything.
import type { Request, Response } from 'express';
import { readStatus, type Status } from '../../operations/status.ts';
import type { ApiDependencies } from '../api.ts';
import { readQuery } from '../query.ts';

export async function showStatus(
  { status, about }: ApiDependencies,
  req: Request,
  res: Response,
): Promise<void> {
  readQuery(req, {});
  res.json({ ...about, ...show(await readStatus(status), status.refusalLimits) });
}

function show(status: Status, { maxBytes, maxCount }: { maxBytes: number; maxCount: number }) {
  const { deliveries, refusals, sessions, queue, database, clock, vendor } = status;
  return {
    level: status.level,
    now: status.now.toISOString(),
    problems: status.problems,
    deliveries: {
      owed: deliveries.owed,
      oldest_owed_at: deliveries.oldestOwedAt,
      oldest_owed_age_seconds:
        deliveries.oldestOwedAgeMs === null ? null : Math.round(deliveries.oldestOwedAgeMs / 1000),
      parked: deliveries.parked,
      parked_by_reason: deliveries.parkedByReason,
    },
    refusals: {
      refused: refusals.refused,
      by_reason: refusals.byReason,
      newest_at: refusals.newestAt,
      stored_bytes: refusals.storedBytes,
      max_bytes: maxBytes,
      max_count: maxCount,
      diagnoses: refusals.diagnoses,
    },
    sessions: {
      open: sessions.open,
      near_deadline: sessions.nearDeadline,
      next_deadline_at: sessions.nextDeadlineAt,
      overdue: sessions.overdue,
      disputed_last_day: sessions.disputed,
      unrecoverable_last_day: sessions.unrecoverableLastDay,
    },
    queue: {
      kind: queue.kind,
      is_up: queue.isUp,
      waiting: queue.waiting,
      active: queue.active,
      delayed: queue.delayed,
    },
    database: {
      version: database.version,
      size_bytes: database.sizeBytes,
      ms: database.ms,
      connections: database.connections,
      max_connections: database.maxConnections,
    },
    clock: { ahead_of_database_ms: clock.ofDatabaseMs, ahead_of_ilive_ms: clock.ofVendorMs },
    ilive: {
      is_configured: vendor !== undefined,
      is_reachable: vendor?.isReachable ?? null,
      ms: vendor?.ms ?? null,
    },
    secrets: status.secrets.map(({ account, name, state, lastMatchedAt }) => ({
      account,
      name,
      state,
      last_matched_at: lastMatchedAt,
    })),
    replays: status.replays,
    pauses: status.pauses,
  };
}
