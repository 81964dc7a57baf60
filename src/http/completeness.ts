// `GET /v1/completeness?from=&to=`: every verdict that should exist, does exist, and here is the count.
import { z } from 'zod';
import { countCompleteness, findRepaired } from '../db/completeness.ts';
import { ServiceError } from '../errors.ts';
import { instantOf } from '../events/instant.ts';
import { operation, reply } from './operation.ts';
import { timeText } from './query.ts';
import { count, instant } from './shapes.ts';

// The newest of them; all are in GET /v1/sessions?settled_source=pull.
const repairedMax = 100;

const dayMs = 24 * 60 * 60 * 1000;

const completeness = z
  .object({
    from: instant,
    to: instant,
    expected: count,
    settled_by_webhook: count,
    settled_by_pull: count,
    disputed: count,
    expired: count,
    unrecoverable: count,
    open: count.describe('Still expected.'),
    adds_up: z.boolean().describe('Whether the counts above sum up to expected.'),
    settle_delay_ms: z.object({ p50: z.number().nullable(), p99: z.number().nullable() }),
    oldest_open_at: instant.nullable(),
    repaired_session_ids: z
      .array(z.string())
      .describe('The newest that a pull settled because their webhook never came.'),
  })
  .meta({ id: 'Completeness' });

/** Answers for sessions expected from `from` (default: a day before `to`) until before `to` (default: now). */
export const showCompleteness = operation({
  query: {
    from: timeText.optional().describe('Default: a day before to.'),
    to: timeText.optional().describe('Default: now.'),
  },
  answers: { 200: completeness },
  answer: async ({ readDb, now }, { query }) => {
    const to = query.to ?? now();
    const from = query.from ?? new Date(to.getTime() - dayMs);
    if (from >= to) {
      const end = query.to === undefined ? 'now, or "to" given' : '"to"';
      throw new ServiceError('invalid_request', `query parameter "from" must be before ${end}.`);
    }
    const [counts, repaired] = await Promise.all([
      countCompleteness(readDb, from, to),
      findRepaired(readDb, from, to, repairedMax),
    ]);
    const { settledByWebhook, settledByPull, disputed, expired, unrecoverable, open } = counts;
    return reply(200, {
      from: instantOf(from),
      to: instantOf(to),
      expected: counts.expected,
      settled_by_webhook: settledByWebhook,
      settled_by_pull: settledByPull,
      disputed,
      expired,
      unrecoverable,
      open,
      adds_up:
        settledByWebhook + settledByPull + disputed + expired + unrecoverable + open === counts.expected,
      settle_delay_ms: { p50: counts.settleDelayP50Ms, p99: counts.settleDelayP99Ms },
      oldest_open_at: counts.oldestOpenAt,
      repaired_session_ids: repaired,
    });
  },
});
