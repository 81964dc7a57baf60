// The budget of calls to iLive that all processes share: one row an API key, spent in one statement. The row holds a single
// time, up to which calls are spent (GCRA): a call moves it on by one interval, and may be made while it lies no further
// ahead of now than a burst.
import type { Queries } from './connect.ts';

export interface Spending {
  readonly id: string;
  readonly now: Date;
  /** Time that one call takes up. */
  readonly intervalMs: number;
  /** Calls that may be made at once after a quiet time. */
  readonly burstCalls: number;
}

export interface Spent {
  readonly isGranted: boolean;
  /** When it was not: how long until a call may be made. */
  readonly waitMs: number;
  readonly learntPerMinute: number | null;
}

// Neither a pace nor a block reaches so far ahead: such a time was written by a clock that was ahead, and holds nobody.
const longestAhead = `interval '10 minutes'`;

/** Spends one call, if it may be made at `now`. */
export async function spendBudget(db: Queries, spending: Spending): Promise<Spent> {
  const { id, now, intervalMs, burstCalls } = spending;
  const values = [id, now.toISOString(), intervalMs, (burstCalls - 1) * intervalMs];
  const [granted] = await db.query<{ learntPerMinute: number | null }>({
    name: 'spend-budget',
    text: `
      insert into rate_budgets as b (id, spent_until, blocked_until)
      values ($1, $2::timestamptz + $3::float8 * interval '1 millisecond', $2)
      on conflict (id) do update
        set spent_until = case when b.spent_until > $2::timestamptz + ${longestAhead} then $2 else greatest(b.spent_until, $2) end
                          + $3::float8 * interval '1 millisecond',
            blocked_until = case when b.blocked_until > $2::timestamptz + ${longestAhead} then $2 else b.blocked_until end
        where (b.blocked_until <= $2 or b.blocked_until > $2::timestamptz + ${longestAhead})
          and (b.spent_until <= $2::timestamptz + $4::float8 * interval '1 millisecond'
               or b.spent_until > $2::timestamptz + ${longestAhead})
      returning learnt_per_minute as "learntPerMinute"`,
    values,
  });
  if (granted !== undefined) return { isGranted: true, waitMs: 0, learntPerMinute: granted.learntPerMinute };
  const [refused] = await db.query<{ waitMs: number; learntPerMinute: number | null }>({
    name: 'look-at-budget',
    text: `
      select greatest(1, extract(epoch from blocked_until - $2::timestamptz) * 1000,
                      extract(epoch from spent_until - $2::timestamptz) * 1000 - $3::float8)::float8 as "waitMs",
             learnt_per_minute as "learntPerMinute"
      from rate_budgets where id = $1`,
    values: [id, now.toISOString(), (burstCalls - 1) * intervalMs],
  });
  return {
    isGranted: false,
    waitMs: refused?.waitMs ?? 1,
    learntPerMinute: refused?.learntPerMinute ?? null,
  };
}

/** Nobody spends before `until`. */
export async function blockBudget(db: Queries, id: string, until: Date): Promise<void> {
  await db.query({
    text: `update rate_budgets set blocked_until = greatest(blocked_until, $2) where id = $1`,
    values: [id, until.toISOString()],
  });
}

/** Keeps the limit that iLive's own headers told. */
export async function learnBudget(db: Queries, id: string, perMinute: number): Promise<void> {
  await db.query({
    text: `update rate_budgets set learnt_per_minute = $2 where id = $1 and learnt_per_minute is distinct from $2`,
    values: [id, perMinute],
  });
}
