// The ledger of sessions that should end: registering one, and taking those that are due to be asked about; `end-sessions.ts`
// ends those that never will. Tokens are sealed before they come here (guarantee 9). A session is asked about by one worker at a
// time: taking it sets a lease, and what was answered counts only while that lease stands: it ends where the session is
// registered again, and one that ran out belonged to a worker that died or was too slow. Whatever changes a session's state
// holds its lock first, as a batch does: so the change feed, which goes by the transactions' ids, tells of it in the order
// of its row.
import type { Verdict } from '../events/event.ts';
import type { Instant } from '../events/instant.ts';
import type { Queries, Transaction } from './connect.ts';
import type { Dialect } from './schema.ts';
import { isConfirmable, lockSessions, type SessionKey } from './sessions.ts';

export interface SessionToRegister {
  readonly key: SessionKey;
  readonly referenceId: string | null;
  readonly dialect: Dialect;
  /** Sealed; null leaves the token that is there. */
  readonly token: Buffer | null;
  readonly expectedAt: Date;
  readonly expiresAt: Date;
  readonly nextPullAt: Date;
  /** Verdicts of a webhook's for which a second source is asked; by default none. */
  readonly confirmed?: readonly Verdict[];
}

export interface RegisteredSession {
  readonly isNew: boolean;
  readonly referenceId: string | null;
  readonly expiresAt: Instant;
}

/**
 * Expects the session from `expectedAt` on; answers whether it was new, and what its row says now. For one that is known already
 * it adds what is new and starts its schedule; where that has its verdict, only if it is to be confirmed, which may have waited
 * for its token. To be called before its transaction writes anything.
 */
export async function registerSession(
  tx: Transaction,
  { key, referenceId, dialect, token, expectedAt, expiresAt, nextPullAt, confirmed = [] }: SessionToRegister,
  now: () => Date,
): Promise<RegisteredSession> {
  // An end that is being written is waited for here: the statement below sees only what is there when it begins.
  await lockSessions(tx, [key]);
  const [row] = await tx.query<RegisteredSession>({
    text: `
      with reopened as (
        update session_endings set reopened_at = $9
        where session_id = $1 and account = $2 and reopened_at is null
      )
      insert into sessions as s
        (session_id, account, reference_id, registered_reference_id, state, confirmation, expected_at, registered_at,
         known_at, dialect, token, expires_at, next_pull_at)
      values ($1, $2, $3, $3, 'expected', 'unconfirmed', $8, $8, $9, $4, $5, $6, $7)
      on conflict (session_id, account) do update set
        known_at = greatest(s.known_at, excluded.known_at),
        registered_reference_id = case when s.reference_id is null then excluded.registered_reference_id
                                       else s.registered_reference_id end,
        reference_id = coalesce(s.reference_id, excluded.reference_id),
        registered_at = coalesce(s.registered_at, excluded.registered_at),
        dialect = excluded.dialect, token = coalesce(excluded.token, s.token), expires_at = excluded.expires_at,
        state = case when s.state in ('settled', 'disputed') then s.state else 'expected' end,
        ended_reason = null, ended_at = null, pull_lease_until = null,
        pull_attempts = case when s.state in ('settled', 'disputed') then s.pull_attempts else 0 end,
        next_pull_at = case when s.state not in ('settled', 'disputed') then excluded.next_pull_at
                            when ${isConfirmable} and s.verdict = any($10::text[]) then least(s.next_pull_at, $9)
                            else s.next_pull_at end
      returning (xmax = 0) as "isNew", reference_id as "referenceId", expires_at as "expiresAt"`,
    values: [
      key.sessionId,
      key.account,
      referenceId,
      dialect,
      token,
      expiresAt.toISOString(),
      nextPullAt.toISOString(),
      expectedAt.toISOString(),
      now().toISOString(),
      confirmed,
    ],
  });
  if (row === undefined) throw new Error('a session that is registered is always answered');
  return row;
}

/** A session as one worker has taken it. */
export interface TakenSession extends SessionKey {
  /** Until when it has it; null for one that nobody has taken. */
  readonly leaseUntil: string | null;
  /** With that the proof that it has it: two leases that were cut short by the session's end are the same. */
  readonly takenAt?: string;
}

/** Whether the row is still that worker's; the places of its `leaseUntil` and `takenAt` among the values. */
export const isStillTaken = (leasePlace: string, takenPlace: string) =>
  `(pull_lease_until is not distinct from ${leasePlace}
    and (${takenPlace}::timestamptz is null or pulled_at = ${takenPlace}))`;

export interface DueSession extends TakenSession {
  readonly leaseUntil: string;
  readonly takenAt: string;
  readonly state: string;
  /** Null where it has none. */
  readonly verdict: Verdict | null;
  /** Since when it has stood as it stands; null where it has no verdict. */
  readonly settledAt: Instant | null;
  readonly dialect: Dialect | null;
  readonly token: Buffer | null;
  readonly expiresAt: string | null;
  /** When iLive was asked last and said that it is not finished; null where it never did. */
  readonly unfinishedAt: string | null;
  /** Counting the one that is now begun. */
  readonly pullAttempts: number;
}

export interface TakeDueOptions {
  readonly now: Date;
  readonly leaseMs: number;
  /**
   * Instead, for what is taken before its end, where that end is no further away: whoever dies over the last chance must not
   * keep others from asking at the end.
   */
  readonly shortLeaseMs: number;
  /** Sessions that expire, or have expired, within this time go before all others: it may be the last chance to ask. */
  readonly lastChanceMs: number;
  readonly limit: number;
}

// Of each way to be urgent so many are looked at, and of those the ones asked least often are taken: else a few that always fail
// would be the most urgent again and again. Enough for what others hold at this moment, too.
const lookedAt = 32;
const isDue = `s.next_pull_at <= $1 and (s.pull_lease_until is null or s.pull_lease_until < $1
          -- No lease is so long: it was set by a clock that was ahead.
          or s.pull_lease_until > $2::timestamptz + interval '1 minute')`;

/**
 * Takes sessions that are due. The last chances first, then those that somebody waits for, then those asked least often: when
 * the budget is too small for all, each is asked once before any is asked twice. What has been over for longer than
 * `lastChanceMs` is forgotten by iLive, or soon will be, and keeps nobody from a last chance. Each of these goes by an index of
 * its own: when all sessions are due at once, after an outage, taking one looks at few of them.
 */
export function takeDueSessions(db: Queries, options: TakeDueOptions): Promise<DueSession[]> {
  const { now, leaseMs, shortLeaseMs, lastChanceMs, limit } = options;
  return db.query({
    name: 'take-due-sessions',
    text: `
      with last_chances as (
        select session_id, account from sessions s where ${isDue} and expires_at > $5 and expires_at <= $3
        order by expires_at limit ${lookedAt}
      ), waited_for as (
        select session_id, account from sessions s where ${isDue} and waited_until > $1
        order by waited_until limit ${lookedAt}
      ), others as (
        select session_id, account from sessions s where ${isDue}
        order by pull_attempts, next_pull_at limit greatest($4, ${lookedAt})
      ), ranked as (
        select session_id, account, min(turn) as turn from (
          select 1 as turn, * from last_chances union all select 2, * from waited_for union all
          select 3, * from others
        ) found group by session_id, account
      ), due as (
        select s.session_id, s.account from ranked r
        join sessions s on s.session_id = r.session_id and s.account = r.account
        where ${isDue}
        order by r.turn, s.pull_attempts, s.next_pull_at
        limit $4
        for update of s skip locked
      )
      update sessions s set pulled_at = $1, pull_attempts = least(s.pull_attempts + 1, 30000),
        pull_lease_until = case when s.expires_at > $1 then least($2, greatest(s.expires_at, $6::timestamptz))
                                else $2 end
      from due where s.session_id = due.session_id and s.account = due.account
      returning s.session_id as "sessionId", s.account, s.state, s.verdict, s.settled_at as "settledAt", s.dialect, s.token,
                s.expires_at as "expiresAt", s.unfinished_at as "unfinishedAt",
                s.pull_attempts as "pullAttempts", s.pulled_at as "takenAt", s.pull_lease_until as "leaseUntil"`,
    values: [
      now.toISOString(),
      new Date(now.getTime() + leaseMs).toISOString(),
      new Date(now.getTime() + lastChanceMs).toISOString(),
      limit,
      new Date(now.getTime() - lastChanceMs).toISOString(),
      new Date(now.getTime() + shortLeaseMs).toISOString(),
    ],
  });
}

export interface Release {
  /** When to ask about it again; null for no more. */
  readonly nextPullAt: Date | null;
  /** The same where somebody has come to wait for it meanwhile. */
  readonly waitedPullAt?: Date;
  /** When it was asked about, where iLive answered that it is not finished. */
  readonly unfinishedAt?: Date | undefined;
  readonly isCounted: boolean;
  readonly now: Date;
}

// While it was taken: by a hint, or by whoever wants a second source. What iLive then answers knew nothing of that.
export const askedForAnew = 'next_pull_at > pulled_at';

/**
 * Gives a taken session back, unless it is another's by now. Whoever had it asked about sooner while it was taken has his way.
 * One that has its verdict by now is asked about again only where its row wants that: for a second source, or for what an
 * unsigned delivery said of it.
 */
export async function releaseSession(
  db: Queries,
  session: TakenSession,
  { nextPullAt, waitedPullAt, unfinishedAt, isCounted, now }: Release,
): Promise<void> {
  await db.query({
    name: 'release-session',
    text: `
      update sessions set pull_lease_until = null,
        next_pull_at = case when state = 'expected' or next_pull_at is not null then
          least($3::timestamptz, case when ${askedForAnew} then next_pull_at end,
                case when waited_until > $5 then $6::timestamptz end) end,
        pull_attempts = case when $4 then pull_attempts else greatest(pull_attempts - 1, 0) end,
        unfinished_at = coalesce($8, unfinished_at)
      where session_id = $1 and account = $2 and ${isStillTaken('$7', '$9')}`,
    values: [
      session.sessionId,
      session.account,
      nextPullAt?.toISOString() ?? null,
      isCounted,
      now.toISOString(),
      waitedPullAt?.toISOString() ?? null,
      session.leaseUntil,
      unfinishedAt?.toISOString() ?? null,
      session.takenAt ?? null,
    ],
  });
}
