// `GET /v1/sessions` and `GET /v1/sessions/{session_id}`: is this person verified, since when, and who says so.
import { z } from 'zod';
import type { Queries } from '../db/connect.ts';
import { findHistories } from '../db/find-past.ts';
import {
  findObservations,
  findSessions,
  listSessions,
  type ObservationRow,
  type SessionRow,
} from '../db/find-sessions.ts';
import { type ToldSession, tellSession } from '../db/find-subject.ts';
import { sessionKeyText } from '../db/sessions.ts';
import { ServiceError } from '../errors.ts';
import { isPast, isSaidBy, type Moment } from '../events/as-of.ts';
import { type SessionId, sources } from '../events/event.ts';
import { sessionStates } from '../events/session.ts';
import { momentParameters, readMoment } from './as-of.ts';
import { operation, reply } from './operation.ts';
import { pageOf, pageParameters, readCursor, searchText } from './query.ts';
import { detailedSession, session as sessionShape } from './session-shape.ts';
import { pageShape } from './shapes.ts';

const timestampText = z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/);
const place = z.tuple([timestampText, searchText, searchText]);

/** Answers one session with its observations; 404 for one that we have never heard of. */
export const showSession = operation({
  path: { session_id: searchText },
  query: { account: searchText.optional(), ...momentParameters },
  answers: { 200: detailedSession },
  errors: ['not_found', 'conflict'],
  answer: async ({ db, now }, { path, query }) => {
    const moment = readMoment(query, now());
    const session = await readSession(db, path.session_id as SessionId, query.account);
    const told = isPast(moment) ? await readPast(db, session, moment) : session;
    const observed = await findObservations(db, session);
    return reply(200, {
      ...showSessionRow(told),
      observations: observed.filter((said) => isSaidBy(said, moment)).map(showObservation),
      as_of: moment.asOf,
      known_at: moment.knownAt,
    });
  },
});

/** Answers a page of sessions, newest first, of one person with `?reference_id=`. */
export const showSessions = operation({
  query: {
    reference_id: searchText.optional(),
    account: searchText.optional(),
    state: z.enum(sessionStates, `must be one of ${sessionStates.join(', ')}`).optional(),
    settled_source: z.enum(sources, `must be one of ${sources.join(', ')}`).optional(),
    ...pageParameters,
  },
  answers: { 200: pageShape(sessionShape) },
  answer: async ({ db }, { query }) => {
    const after = readCursor(query.cursor, place);
    const rows = await listSessions(
      db,
      {
        referenceId: query.reference_id,
        account: query.account,
        state: query.state,
        settledSource: query.settled_source,
      },
      {
        after: after && { expectedAt: after[0], sessionId: after[1], account: after[2] },
        limit: query.limit + 1,
      },
    );
    return reply(
      200,
      pageOf(rows, query.limit, showSessionRow, (row) => [row.expectedAt, row.sessionId, row.account]),
    );
  },
});

async function readSession(db: Queries, id: SessionId, account: string | undefined): Promise<SessionRow> {
  const [session, ...others] = await findSessions(db, id, account);
  if (session === undefined)
    throw new ServiceError('not_found', 'No session with this id has been heard of.');
  if (others.length === 0) return session;
  const accounts = [session, ...others].map((row) => row.account).join(', ');
  throw new ServiceError(
    'conflict',
    `Several accounts have a session with this id: ${accounts}. Add ?account=.`,
  );
}

async function readPast(db: Queries, session: SessionRow, moment: Moment): Promise<ToldSession> {
  const histories = await findHistories(db, [session]);
  const history = histories.get(sessionKeyText(session));
  const told = history && tellSession(session, history, moment);
  if (told !== undefined) return told;
  throw new ServiceError('not_found', 'This session was not known here at that time; it is by now.');
}

function showObservation(observation: ObservationRow) {
  return {
    delivery_id: observation.deliveryId,
    source: observation.source,
    verdict: observation.verdict,
    confidence: observation.confidence,
    reference_id: observation.referenceId,
    occurred_at: observation.occurredAt,
    known_at: observation.knownAt,
  };
}

/** One session as lists show it. */
export function showSessionRow(session: ToldSession) {
  return {
    session_id: session.sessionId,
    account: session.account,
    reference_id: session.referenceId,
    state: session.state,
    verdict: session.verdict,
    confidence: session.confidence,
    verdict_at: session.verdictAt,
    confirmation: session.confirmation,
    expected_at: session.expectedAt,
    settled_at: session.settledAt,
    settled_by: session.settledBy,
    settled_source: session.settledSource,
    ended_reason: session.endedReason,
    ended_at: session.endedAt,
    expires_at: session.expiresAt,
    next_pull_at: session.nextPullAt,
    pull_attempts: session.pullAttempts,
  };
}
