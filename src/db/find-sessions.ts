// Reading sessions for those who ask: one, those of many ids at once, and lists. Lists are keyset pages in the order of one
// of the session's times. What the conditions below say is what the indexes of `sessions` are made for.

import type { SQL } from 'drizzle-orm';
import type { SessionId, Source, Verdict } from '../events/event.ts';
import type { Confirmation, SessionState } from '../events/session.ts';
import type { Queries } from './connect.ts';
import { and, asc, eq, isNotNull, sql } from './drizzle.ts';
import { hasValues } from './has-values.ts';
import { isWithin, listPage, type PageBy, type Range } from './order.ts';
import { type EndedReason, observations, sessions } from './schema.ts';

export type SessionRow = typeof sessions.$inferSelect;
export type ObservationRow = typeof observations.$inferSelect;

const timeColumns = {
  expected_at: sessions.expectedAt,
  settled_at: sessions.settledAt,
  verdict_at: sessions.verdictAt,
  expires_at: sessions.expiresAt,
} as const;

/** The times by which sessions are sorted and chosen. */
export type SessionTime = keyof typeof timeColumns;

export interface SessionFilter {
  readonly referenceId?: string | undefined;
  readonly account?: string | undefined;
  readonly state?: SessionState | undefined;
  readonly verdict?: Verdict | undefined;
  readonly confirmation?: Confirmation | undefined;
  readonly settledSource?: Source | undefined;
  readonly endedReason?: EndedReason | undefined;
  readonly ranges?: { readonly [Time in SessionTime]?: Range };
}

/** The sessions with this id, one for each account that has it; nearly always one or none. */
export function findSessions(
  db: Queries,
  sessionId: SessionId,
  account: string | undefined,
): Promise<SessionRow[]> {
  return lookUpSessions(db, [sessionId], account);
}

/** The sessions with these ids, in no order; those of all accounts where none is named. */
export function lookUpSessions(
  db: Queries,
  ids: readonly SessionId[],
  account: string | undefined,
): Promise<SessionRow[]> {
  return db.orm((orm) =>
    orm
      .select()
      .from(sessions)
      .where(
        and(
          sql`${sessions.sessionId} = any(${sql.param([...ids])}::text[])`,
          hasValues(sessions, { account }),
        ),
      ),
  );
}

/** Everything that was ever said of one session's verdict, in the vendor's order of time. */
export function findObservations(db: Queries, session: SessionRow): Promise<ObservationRow[]> {
  return db.orm((orm) =>
    orm
      .select()
      .from(observations)
      .where(and(eq(observations.sessionId, session.sessionId), eq(observations.account, session.account)))
      .orderBy(asc(observations.occurredAt), asc(observations.deliveryId)),
  );
}

/** A page of the sessions that match; of those that have the time that the order goes by. */
export function listSessions(
  db: Queries,
  filter: SessionFilter,
  page: PageBy<SessionTime>,
): Promise<SessionRow[]> {
  const order = [timeColumns[page.by], sessions.sessionId, sessions.account];
  return listPage(db, sessions, and(conditionOf(filter), isListedBy(page.by)), order, page);
}

/** Where a row stands in the order by this time. */
export function placeOfSession(row: SessionRow, by: SessionTime): string[] {
  const times = {
    expected_at: row.expectedAt,
    settled_at: row.settledAt,
    verdict_at: row.verdictAt,
    expires_at: row.expiresAt,
  };
  return [times[by] ?? '', row.sessionId, row.account];
}

function conditionOf(filter: SessionFilter): SQL | undefined {
  const { referenceId, account, state, verdict, confirmation, settledSource, endedReason, ranges } = filter;
  return and(
    hasValues(sessions, { referenceId, account, state, verdict, confirmation, settledSource, endedReason }),
    ...Object.entries(timeColumns).map(([time, column]) => isWithin(column, ranges?.[time as SessionTime])),
  );
}

// A session without the time has no place in the order. When one expires matters only while it is expected, and the index
// holds no others.
function isListedBy(by: SessionTime): SQL | undefined {
  if (by === 'expected_at') return undefined;
  return and(isNotNull(timeColumns[by]), by === 'expires_at' ? eq(sessions.state, 'expected') : undefined);
}
