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
  readonly wantedCalls: number;
}

export interface Spent {
  readonly grantedCalls: number;
  /** When nothing was granted: how long until a call may be. */
  readonly waitMs: number;
  readonly learntPerMinute: number | null;
}

/** Spends up to `wantedCalls`. */
export async function spendBudget(db: Queries, spending: Spending): Promise<Spent> {
  const { id, now, intervalMs, burstCalls, wantedCalls } = spending;
  const [row] = await db.query<{ granted: number; waitMs: number; learntPerMinute: number | null }>({
    name: 'spend-budget',
    text: `
      with made as (
        insert into rate_budgets (id, spent_until, blocked_until) values ($1, $2, $2) on conflict do nothing
      ), held as (
        select id, greatest(spent_until, $2::timestamptz) as spent, blocked_until, learnt_per_minute
        from rate_budgets where id = $1 for update
      ), room as (
        select *, case when blocked_until > $2::timestamptz then 0 else
          greatest(0, least($5::int, floor($4::float8 - extract(epoch from spent - $2::timestamptz) * 1000 / $3::float8)))
        end::int as granted from held
      ), spent as (
        update rate_budgets b set spent_until = room.spent + room.granted * $3::float8 * interval '1 millisecond'
        from room where b.id = room.id and room.granted > 0
      )
      select granted, learnt_per_minute as "learntPerMinute",
             greatest(extract(epoch from blocked_until - $2::timestamptz) * 1000,
                      extract(epoch from spent - $2::timestamptz) * 1000 - ($4::float8 - 1) * $3::float8, 1)::float8 as "waitMs"
      from room`,
    values: [id, now.toISOString(), intervalMs, burstCalls, wantedCalls],
  });
  // Only the statement that makes the row does not see it yet.
  return {
    grantedCalls: row?.granted ?? 0,
    waitMs: row?.waitMs ?? 1,
    learntPerMinute: row?.learntPerMinute ?? null,
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
