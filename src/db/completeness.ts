// The proof: how the sessions that were expected in a span of time have ended. Every session is counted in exactly one way
// (guarantee 8), by the state of its row, so the counts add up by construction, and the total is counted apart to show it.
import type { Queries } from './connect.ts';

export interface Completeness {
  readonly expected: number;
  readonly settledByWebhook: number;
  readonly settledByPull: number;
  readonly disputed: number;
  readonly expired: number;
  readonly unrecoverable: number;
  readonly open: number;
  /** From the vendor's time of the verdict to our settling it, in milliseconds; null where nothing was settled. */
  readonly settleDelayP50Ms: number | null;
  readonly settleDelayP99Ms: number | null;
  /** Since when the oldest open session has been expected. */
  readonly oldestOpenAt: string | null;
}

/** The ids of at most `limit` sessions of the span that a pull settled, the latest first: the repaired ones. */
export async function findRepaired(db: Queries, from: Date, to: Date, limit: number): Promise<string[]> {
  const rows = await db.query<{ id: string }>({
    text: `select session_id as id from sessions
           where expected_at >= $1 and expected_at < $2 and state = 'settled' and settled_source = 'pull'
           order by expected_at desc, session_id desc limit $3`,
    values: [from.toISOString(), to.toISOString(), limit],
  });
  return rows.map((row) => row.id);
}

/** Sessions whose expectation began at `from` or later and before `to`. */
export async function countCompleteness(db: Queries, from: Date, to: Date): Promise<Completeness> {
  const [row] = await db.query<Completeness>({
    text: `
      select count(*)::int as expected,
             (count(*) filter (where state = 'settled' and settled_source = 'webhook'))::int as "settledByWebhook",
             (count(*) filter (where state = 'settled' and settled_source = 'pull'))::int as "settledByPull",
             (count(*) filter (where state = 'disputed'))::int as disputed,
             (count(*) filter (where state = 'expired'))::int as expired,
             (count(*) filter (where state = 'unrecoverable'))::int as unrecoverable,
             (count(*) filter (where state = 'expected'))::int as open,
             percentile_cont(0.5) within group (order by extract(epoch from settled_at - verdict_at) * 1000)
               filter (where state = 'settled') as "settleDelayP50Ms",
             percentile_cont(0.99) within group (order by extract(epoch from settled_at - verdict_at) * 1000)
               filter (where state = 'settled') as "settleDelayP99Ms",
             min(expected_at) filter (where state = 'expected') as "oldestOpenAt"
      from sessions where expected_at >= $1 and expected_at < $2`,
    values: [from.toISOString(), to.toISOString()],
  });
  if (row === undefined) throw new Error('an aggregate always has a row');
  return row;
}
