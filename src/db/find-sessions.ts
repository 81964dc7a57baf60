// Reading sessions for those who ask. Lists are keyset pages, newest first: a page costs the same wherever it stands.
import { and, asc, desc, eq, type SQL, sql } from 'drizzle-orm';
import type { SessionId, Source } from '../events/event.ts';
import type { SessionState } from '../events/session.ts';
import type { Queries } from './connect.ts';
import { observations, sessions } from './schema.ts';

export type SessionRow = typeof sessions.$inferSelect;
export type ObservationRow = typeof observations.$inferSelect;

export interface SessionFilter {
  readonly referenceId?: string | undefined;
  readonly account?: string | undefined;
  readonly state?: SessionState | undefined;
  readonly settledSource?: Source | undefined;
}

/** Where a page ends: the last row's place in the order. */
export interface SessionPlace {
  readonly expectedAt: string;
  readonly sessionId: string;
  readonly account: string;
}

/** The sessions with this id, one for each account that has it; nearly always one or none. */
export function findSessions(
  db: Queries,
  sessionId: SessionId,
  account: string | undefined,
): Promise<SessionRow[]> {
  return db.orm((orm) =>
    orm
      .select()
      .from(sessions)
      .where(
        and(
          eq(sessions.sessionId, sessionId),
          account === undefined ? undefined : eq(sessions.account, account),
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

/** At most `limit` sessions after `after`, newest first. */
export function listSessions(
  db: Queries,
  filter: SessionFilter,
  { after, limit }: { after: SessionPlace | undefined; limit: number },
): Promise<SessionRow[]> {
  const conditions: (SQL | undefined)[] = [
    filter.referenceId === undefined ? undefined : eq(sessions.referenceId, filter.referenceId),
    filter.account === undefined ? undefined : eq(sessions.account, filter.account),
    filter.state === undefined ? undefined : eq(sessions.state, filter.state),
    filter.settledSource === undefined ? undefined : eq(sessions.settledSource, filter.settledSource),
    after === undefined
      ? undefined
      : sql`(${sessions.expectedAt}, ${sessions.sessionId}, ${sessions.account})
            < (${after.expectedAt}::timestamptz, ${after.sessionId}, ${after.account})`,
  ];
  return db.orm((orm) =>
    orm
      .select()
      .from(sessions)
      .where(and(...conditions))
      .orderBy(desc(sessions.expectedAt), desc(sessions.sessionId), desc(sessions.account))
      .limit(limit),
  );
}
