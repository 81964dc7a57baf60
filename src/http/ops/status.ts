// `GET /v1/ops/status`: one look at everything.
import { z } from 'zod';
import { replicaStates } from '../../db/read-replicas.ts';
import { instantOf } from '../../events/instant.ts';
import { readStatus, type Status } from '../../operations/status.ts';
import { outageStates } from '../../outage/outage.ts';
import { queueTroubles } from '../../queue-facts.ts';
import { operation, reply } from '../operation.ts';
import { count, counts, instant, missingKey } from '../shapes.ts';
import { pauseShape } from './pauses.ts';

const level = z.enum(['ok', 'warning', 'error']);
const ms = z.number().nullable();

const statusShape = z
  .object({
    version: z.string(),
    schema: z.string(),
    role: z.string(),
    level: level.describe('error: somebody has to do something now.'),
    now: instant,
    problems: z.array(z.object({ level: level.exclude(['ok']), message: z.string(), advice: z.string() })),
    deliveries: z.object({
      owed: count.describe('Counted up to 100,000.'),
      failing: count.describe('Those of the owed that have failed and are tried again.'),
      oldest_owed_at: instant.nullable().describe('Of those that have not failed.'),
      oldest_owed_age_seconds: count.nullable(),
      parked: count.describe('Counted up to 100,000.'),
      parked_by_reason: counts,
    }),
    refusals: z.object({
      refused: count,
      by_reason: counts,
      newest_at: instant.nullable(),
      stored_bytes: count,
      max_bytes: count,
      max_count: count,
      diagnoses: z.array(z.object({ finding: z.string(), count })),
      undiagnosed: count.describe('Those that were not looked at yet.'),
    }),
    sessions: z.object({
      open: count.describe('Counted up to 100,000.'),
      near_deadline: count,
      next_deadline_at: instant.nullable(),
      overdue: count,
      disputed_last_day: count.describe(
        'Those that became disputed in the last day, of those expected in the last 14.',
      ),
      unrecoverable_last_day: count.describe(
        'Those that ended so in the last day, of those expected in the last 14.',
      ),
    }),
    queue: z.object({
      kind: z.enum(['redis', 'postgres']),
      is_up: z.boolean().describe('It takes rings.'),
      trouble: z.enum(queueTroubles).nullable(),
      waiting: count.nullable(),
      active: count.nullable(),
      delayed: count.nullable(),
    }),
    database: z.object({
      version: z.string(),
      size_bytes: count,
      ms: z.number(),
      connections: count,
      max_connections: count,
    }),
    replicas: z.array(
      z.object({
        name: z.string().describe('Host and port.'),
        state: z.enum(replicaStates).describe('usable: it is asked.'),
        lag_ms: count.nullable().describe('How old what it answers may be, at most; null while not known.'),
      }),
    ),
    outage_store: z
      .object({
        state: z
          .enum(outageStates)
          .describe(
            'ready: nothing needs it. taking: deliveries go there. full, failing: they are turned away.',
          ),
        since: instant.nullable().describe('Since when Postgres could not commit.'),
        held_deliveries: count,
        held_bytes: count,
        max_bytes: count,
        damaged: count.describe('Parts that are no records any more, and were set aside.'),
        unopened: count.describe('Records that no key of ENCRYPTION_KEYS opens.'),
      })
      .describe('Of the process that answers; each receiver has one.'),
    clock: z.object({ ahead_of_database_ms: z.number(), ahead_of_ilive_ms: ms }),
    ilive: z.object({ is_configured: z.boolean(), is_reachable: z.boolean().nullable(), ms }),
    secrets: z.array(
      z.object({
        account: z.string(),
        name: z.string(),
        state: z.string(),
        missing_key: missingKey,
        last_matched_at: instant.nullable(),
      }),
    ),
    replays: z.object({ running: count, paused: count }),
    pauses: z.array(pauseShape),
  })
  .meta({ id: 'Status' });

/** One look at everything. */
export const showStatus = operation({
  answers: { 200: statusShape },
  answer: async ({ status, about }) =>
    reply(200, { ...about, ...show(await readStatus(status), status.refusalLimits) }),
});

function showDeliveries(deliveries: Status['deliveries']) {
  const ageMs = deliveries.oldestOwedAgeMs;
  return {
    owed: deliveries.owed,
    failing: deliveries.failing,
    oldest_owed_at: deliveries.oldestOwedAt,
    oldest_owed_age_seconds: ageMs === null ? null : Math.round(ageMs / 1000),
    parked: deliveries.parked,
    parked_by_reason: deliveries.parkedByReason,
  };
}

function show(status: Status, { maxBytes, maxCount }: { maxBytes: number; maxCount: number }) {
  const { deliveries, refusals, sessions, queue, database, clock, vendor } = status;
  return {
    level: status.level,
    now: instantOf(status.now),
    problems: [...status.problems],
    deliveries: showDeliveries(deliveries),
    refusals: {
      refused: refusals.refused,
      by_reason: refusals.byReason,
      newest_at: refusals.newestAt,
      stored_bytes: refusals.storedBytes,
      max_bytes: maxBytes,
      max_count: maxCount,
      diagnoses: [...refusals.diagnoses],
      undiagnosed: refusals.undiagnosed,
    },
    sessions: {
      open: sessions.open,
      near_deadline: sessions.nearDeadline,
      next_deadline_at: sessions.nextDeadlineAt,
      overdue: sessions.overdue,
      disputed_last_day: sessions.disputedLastDay,
      unrecoverable_last_day: sessions.unrecoverableLastDay,
    },
    queue: {
      kind: queue.kind,
      is_up: queue.isUp,
      trouble: queue.trouble,
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
    replicas: status.replicas.map(({ name, state, lagMs }) => ({
      name,
      state,
      lag_ms: lagMs === null ? null : Math.round(lagMs),
    })),
    outage_store: showOutage(status.outage),
    clock: { ahead_of_database_ms: clock.ofDatabaseMs, ahead_of_ilive_ms: clock.ofVendorMs },
    ilive: {
      is_configured: vendor !== undefined,
      is_reachable: vendor?.isReachable ?? null,
      ms: vendor?.ms ?? null,
    },
    secrets: status.secrets.map(({ account, name, state, missingKey, lastMatchedAt }) => ({
      account,
      name,
      state,
      missing_key: missingKey,
      last_matched_at: lastMatchedAt,
    })),
    replays: status.replays,
    pauses: [...status.pauses],
  };
}

function showOutage(outage: Status['outage']) {
  return {
    state: outage.state,
    since: outage.since === null ? null : instantOf(outage.since),
    held_deliveries: outage.heldCount,
    held_bytes: outage.heldBytes,
    max_bytes: outage.maxBytes,
    damaged: outage.damagedCount,
    unopened: outage.unopenedCount,
  };
}
