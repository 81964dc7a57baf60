// The ends of sessions without a verdict: one that iLive told, and those that nobody can ask about. Each is written beside the
// session's row for ever, by whoever holds the session's lock (see `ledger.ts`).
import type { Database, Queries, Transaction } from './connect.ts';
import { askedForAnew, isStillTaken, type TakenSession } from './ledger.ts';
import type { EndedReason } from './schema.ts';
import { lockSessions, placesOf, type SessionKey, tryLockSessions } from './sessions.ts';

// Ended, expected again and ended within one tick of the clock.
const sameMomentAgain = `on conflict (session_id, account, ended_at)
      do update set state = excluded.state, reason = excluded.reason, reopened_at = null`;

const isAskedForAnew = `(pull_lease_until is not null and ${askedForAnew})`;

/**
 * Ends a taken session without a verdict, unless it has one, is another's by now, or is to be asked about anew; then it is given back.
 * Answers whether it was ended.
 */
export function endSession(
  db: Database,
  session: TakenSession,
  ended: { readonly state: 'expired' | 'unrecoverable'; readonly reason: EndedReason },
  now: () => Date,
): Promise<boolean> {
  return db.transaction(async (tx) => {
    await lockSessions(tx, [session]);
    const rows = await tx.query({
      text: `
        with ended as (
          update sessions
          set state = $3, ended_reason = $4, ended_at = $5, next_pull_at = null, pull_lease_until = null
          where session_id = $1 and account = $2 and ${isStillTaken('$6', '$7')}
            and state = 'expected' and ${isAskedForAnew} is not true
          returning session_id, account, ended_at, state, ended_reason
        ), released as (
          update sessions set pull_lease_until = null, next_pull_at = case when ${isAskedForAnew} then next_pull_at end
          where session_id = $1 and account = $2 and ${isStillTaken('$6', '$7')}
            and (state <> 'expected' or ${isAskedForAnew})
        )
        insert into session_endings (session_id, account, ended_at, state, reason) select * from ended
        ${sameMomentAgain}
        returning session_id`,
      values: [
        session.sessionId,
        session.account,
        ended.state,
        ended.reason,
        now().toISOString(),
        session.leaseUntil,
        session.takenAt ?? null,
      ],
    });
    return rows.length > 0;
  });
}

/** Past a session's end; iLive has forgotten its token long before. Then it is asked about no more, whether it ever was or not. */
export const giveUpAfterMs = 24 * 60 * 60 * 1000;

export interface Unaskable {
  readonly expiredBefore: Date;
  readonly canPull: boolean;
  readonly now: () => Date;
}

const isUnaskable = `state = 'expected' and expires_at < $1 and (next_pull_at is null or not $2 or expires_at < $3)`;
// Ended in one transaction: each takes a lock, and whoever wants one of them waits for all.
const pieceMaxSessions = 500;

/**
 * Ends sessions whose time is over and about which nobody can ask: all of them where no pull is configured, else those
 * that have no schedule, and those that have been over for too long. One that somebody else holds is left to a later time.
 * Answers why each was ended.
 */
export async function endUnaskable(db: Database, unaskable: Unaskable): Promise<EndedReason[]> {
  const { expiredBefore, canPull } = unaskable;
  for (const reasons: EndedReason[] = []; ; ) {
    const over = await db.query<SessionKey>({
      text: `
        select session_id as "sessionId", account from sessions where ${isUnaskable}
        order by expires_at limit $4`,
      values: [expiredBefore.toISOString(), canPull, givenUpBefore(expiredBefore), pieceMaxSessions],
    });
    const ended = over.length === 0 ? [] : await db.transaction((tx) => endPiece(tx, over, unaskable));
    reasons.push(...ended);
    if (ended.length === 0 || over.length < pieceMaxSessions) return reasons;
  }
}

function givenUpBefore(expiredBefore: Date): string {
  return new Date(expiredBefore.getTime() - giveUpAfterMs).toISOString();
}

// Waits for no session: a batch that takes them in another order may wait for this, and never the two for each other.
async function endPiece(
  tx: Transaction,
  over: readonly SessionKey[],
  { expiredBefore, canPull, now }: Unaskable,
): Promise<EndedReason[]> {
  const held = await tryLockSessions(tx, over);
  const rows = await tx.query<{ reason: EndedReason }>({
    text: `
      with ended as (
        update sessions
        set state = 'unrecoverable', ended_at = $4, next_pull_at = null, pull_lease_until = null,
            ended_reason = case when not $2 then 'not_asked' when next_pull_at is null then 'no_token' else 'not_answered' end
        where (session_id, account) in (select * from unnest($5::text[], $6::text[])) and ${isUnaskable}
        returning session_id, account, ended_at, state, ended_reason
      )
      insert into session_endings (session_id, account, ended_at, state, reason) select * from ended
      ${sameMomentAgain}
      returning reason`,
    values: [
      expiredBefore.toISOString(),
      canPull,
      givenUpBefore(expiredBefore),
      now().toISOString(),
      ...placesOf(held),
    ],
  });
  return rows.map(({ reason }) => reason);
}

/**
 * Where no pull is configured: sessions that have their verdict and were to be asked for a second source are due no more once
 * their time is over, and need their tokens no longer. One that somebody else holds is left to a later time.
 */
export async function releaseUnaskable(db: Queries, expiredBefore: Date): Promise<void> {
  await db.query({
    name: 'release-unaskable',
    text: `
      with over as (
        select session_id, account from sessions
        where next_pull_at is not null and expires_at < $1 and state <> 'expected'
        order by expires_at limit ${pieceMaxSessions}
        for update skip locked
      )
      update sessions s set next_pull_at = null, pull_lease_until = null
      from over where s.session_id = over.session_id and s.account = over.account`,
    values: [expiredBefore.toISOString()],
  });
}
