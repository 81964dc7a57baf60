// `GET /v1/sessions` and `GET /v1/sessions/{session_id}`: is this person verified, since when, and who says so.
import { z } from 'zod';
import type { Queries } from '../db/connect.ts';
import { findHistories } from '../db/find-past.ts';
import {
  findObservations,
  findSessions,
  listSessions,
  type ObservationRow,
  placeOfSession,
  type SessionRow,
  type SessionTime,
} from '../db/find-sessions.ts';
import { type ToldSession, tellSession } from '../db/find-subject.ts';
import { endedReasons } from '../db/schema.ts';
import { sessionKeyText } from '../db/sessions.ts';
import { ServiceError } from '../errors.ts';
import { isPast, isSaidBy, type Moment } from '../events/as-of.ts';
import { type SessionId, sources, verdicts } from '../events/event.ts';
import { confirmations, type SessionState, sessionStates } from '../events/session.ts';
import { momentParameters, readMoment } from './as-of.ts';
import { oneOf, rangeFrom, rangeTo, readOrder, readPage, showPage, sortParameter } from './list-order.ts';
import { operation, reply } from './operation.ts';
import { accountText, pageParameters, searchText } from './query.ts';
import { detailedSession, session as sessionShape } from './session-shape.ts';
import { severalAccounts } from './several-accounts.ts';
import { pageShape, timestampText } from './shapes.ts';

const place = z.tuple([timestampText, searchText, searchText]);

/** Answers one session with its observations; 404 for one that we have never heard of. */
export const showSession = operation({
  path: { session_id: searchText },
  query: { account: accountText.optional(), ...momentParameters },
  fields: true,
  etag: true,
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

const sessionTimes = ['expected_at', 'settled_at', 'verdict_at', 'expires_at'] as const;

/** Answers a page of sessions, newest first unless `?sort=` says otherwise. */
export const showSessions = operation({
  query: {
    reference_id: searchText.optional(),
    account: searchText.optional().describe('Of this account alone.'),
    state: oneOf(sessionStates),
    verdict: oneOf(verdicts),
    confirmation: oneOf(confirmations),
    settled_source: oneOf(sources),
    ended_reason: oneOf(endedReasons),
    expected_from: rangeFrom,
    expected_to: rangeTo,
    settled_from: rangeFrom,
    settled_to: rangeTo,
    verdict_from: rangeFrom,
    verdict_to: rangeTo,
    expires_from: rangeFrom,
    expires_to: rangeTo,
    sort: sortParameter(sessionTimes),
    ...pageParameters,
  },
  fields: true,
  answers: { 200: pageShape(sessionShape) },
  answer: async ({ readDb }, { query, req }) => {
    const ranges = {
      expected_at: { from: query.expected_from, to: query.expected_to },
      settled_at: { from: query.settled_from, to: query.settled_to },
      verdict_at: { from: query.verdict_from, to: query.verdict_to },
      expires_at: { from: query.expires_from, to: query.expires_to },
    };
    const order = readOrder(sessionTimes, query.sort, ranges);
    checkTime(order.by, query.state, query.ended_reason);
    const filter = {
      referenceId: query.reference_id,
      account: query.account,
      state: query.state,
      verdict: query.verdict,
      confirmation: query.confirmation,
      settledSource: query.settled_source,
      endedReason: query.ended_reason,
      ranges,
    };
    const asked = { list: 'sessions', query: req.query, order };
    const rows = await listSessions(readDb, filter, readPage(asked, query, place));
    const placeOf = (row: SessionRow) => placeOfSession(row, order.by);
    return reply(200, showPage(asked, { rows, limit: query.limit }, showSessionRow, placeOf));
  },
});

// Which sessions have a time, where not all do; when one expires is asked only of those that may.
const statesWithTime: { readonly [Time in SessionTime]?: readonly SessionState[] } = {
  settled_at: ['settled', 'disputed'],
  verdict_at: ['settled', 'disputed'],
  expires_at: ['expected'],
};

// No session can match, and to find none the database would have to look at all of one kind.
function checkTime(by: SessionTime, state: SessionState | undefined, endedReason: string | undefined): void {
  const states = statesWithTime[by];
  if (states === undefined) return;
  const where = `where sessions are listed by ${by}, which only ${states.join(' and ')} ones have`;
  if (state !== undefined && !states.includes(state)) {
    throw new ServiceError('invalid_request', `query parameter "state" cannot be ${state} ${where}.`);
  }
  if (endedReason !== undefined) {
    throw new ServiceError('invalid_request', `query parameter "ended_reason" cannot be given ${where}.`);
  }
}

async function readSession(db: Queries, id: SessionId, account: string | undefined): Promise<SessionRow> {
  const [session, ...others] = await findSessions(db, id, account);
  if (session === undefined)
    throw new ServiceError('not_found', 'No session with this id has been heard of.');
  if (others.length === 0) return session;
  throw severalAccounts('have a session with this id', [session, ...others]);
}

async function readPast(db: Queries, session: SessionRow, moment: Moment): Promise<ToldSession> {
  const histories = await findHistories(db, [session]);
  const history = histories.get(sessionKeyText(session));
  const told = history && tellSession(session, history, moment);
  if (told !== undefined) return told;
  const what =
    moment.knownAt === null
      ? 'Nothing of this session had happened by then.'
      : 'This session was not known here at that time; it is by now.';
  throw new ServiceError('not_found', what);
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
