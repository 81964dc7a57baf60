// `GET /v1/completeness?from=&to=`: every verdict that should exist, does exist, and here is the count.
import type { Request, Response } from 'express';
import { countCompleteness, findRepaired } from '../db/completeness.ts';
import { ServiceError } from '../errors.ts';
import type { ApiDependencies } from './api.ts';
import { readQuery, timeText } from './query.ts';

// The newest of them; all are in GET /v1/sessions?settled_source=pull.
const repairedMax = 100;

const dayMs = 24 * 60 * 60 * 1000;

/** Answers for sessions expected from `from` (default: a day before `to`) until before `to` (default: now). */
export async function showCompleteness(
  { db, now }: ApiDependencies,
  req: Request,
  res: Response,
): Promise<void> {
  const query = readQuery(req, { from: timeText.optional(), to: timeText.optional() });
  const to = query.to ?? now();
  const from = query.from ?? new Date(to.getTime() - dayMs);
  if (from >= to) throw new ServiceError('invalid_request', 'query parameter "from" must be before "to".');
  const [counts, repaired] = await Promise.all([
    countCompleteness(db, from, to),
    findRepaired(db, from, to, repairedMax),
  ]);
  const { settledByWebhook, settledByPull, disputed, expired, unrecoverable, open } = counts;
  res.json({
    from: from.toISOString(),
    to: to.toISOString(),
    expected: counts.expected,
    settled_by_webhook: settledByWebhook,
    settled_by_pull: settledByPull,
    disputed,
    expired,
    unrecoverable,
    open,
    adds_up: settledByWebhook + settledByPull + disputed + expired + unrecoverable + open === counts.expected,
    settle_delay_ms: { p50: counts.settleDelayP50Ms, p99: counts.settleDelayP99Ms },
    oldest_open_at: counts.oldestOpenAt,
    repaired_session_ids: repaired,
  });
}
