// What those who wait for verdicts need of the database: the rows of many sessions in one statement, and a note that somebody
// waits, so that iLive is asked sooner and more often.
import type { DeliveryId, SessionId, Source, Verdict } from '../events/event.ts';
import type { Instant } from '../events/instant.ts';
import type { Confirmation, SessionState } from '../events/session.ts';
import type { Queries } from './connect.ts';
import type { EndedReason } from './schema.ts';
import { isConfirmable } from './sessions.ts';

/** What a session's row says of its verdict. */
export interface WaitedSession {
  readonly sessionId: SessionId;
  readonly account: string;
  readonly referenceId: string | null;
  readonly state: SessionState;
  readonly verdict: Verdict | null;
  readonly confidence: number | null;
  readonly verdictAt: Instant | null;
  readonly confirmation: Confirmation;
  readonly settledAt: Instant | null;
  readonly settledBy: DeliveryId | null;
  readonly settledSource: Source | null;
  readonly endedReason: EndedReason | null;
}

/** The sessions with these ids, in whatever account. */
export function loadWaitedSessions(db: Queries, ids: readonly string[]): Promise<WaitedSession[]> {
  return db.query({
    name: 'load-waited-sessions',
    text: `
      select session_id as "sessionId", account, reference_id as "referenceId", state, verdict, confidence,
             verdict_at as "verdictAt", confirmation, settled_at as "settledAt", settled_by as "settledBy",
             settled_source as "settledSource", ended_reason as "endedReason"
      from sessions where session_id = any($1::text[])`,
    values: [ids],
  });
}

export interface Waiting {
  readonly sessionId: string;
  readonly account: string;
  readonly until: Date;
  /** Whether a second source is waited for, once there is a verdict. */
  readonly wantsConfirmation: boolean;
}

/** Has iLive asked about these sessions now, but not twice within `gapMs`, and as one that is waited for until then. */
export async function noteWaiting(
  db: Queries,
  waiting: readonly Waiting[],
  { now, gapMs }: { readonly now: Date; readonly gapMs: number },
): Promise<void> {
  await db.query({
    name: 'note-waiting',
    // The rows are locked in one order, and one that a worker holds is left: it is being asked about or settled.
    text: `
      with held as (
        select s.session_id, s.account, w.until
        from unnest($1::text[], $2::text[], $3::timestamptz[], $4::bool[]) as w (session_id, account, until, is_confirming)
        join sessions s on s.session_id = w.session_id and s.account = w.account
        where (s.state = 'expected' and s.next_pull_at is not null)
           or (w.is_confirming and ${isConfirmable})
        order by s.session_id, s.account
        for update of s skip locked
      )
      update sessions s
      set waited_until = greatest(s.waited_until, held.until),
          next_pull_at = least(s.next_pull_at,
                               greatest($5::timestamptz, coalesce(s.pulled_at, s.expected_at) + $6 * interval '1 ms'))
      from held where s.session_id = held.session_id and s.account = held.account`,
    values: [
      waiting.map(({ sessionId }) => sessionId),
      waiting.map(({ account }) => account),
      waiting.map(({ until }) => until.toISOString()),
      waiting.map(({ wantsConfirmation }) => wantsConfirmation),
      now.toISOString(),
      gapMs,
    ],
  });
}
