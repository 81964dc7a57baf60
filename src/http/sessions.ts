// `GET /v1/sessions` and `GET /v1/sessions/{session_id}`: is this person verified, since when, and who says so.
import type { Request, Response } from 'express';
import { z } from 'zod';
import { findObservations, findSessions, listSessions, type SessionRow } from '../db/find-sessions.ts';
import { ServiceError } from '../errors.ts';
import { type SessionId, sources } from '../events/event.ts';
import { sessionStates } from '../events/session.ts';
import type { ApiDependencies } from './api.ts';
import { pageOf, pageParameters, readCursor, readPath, readQuery, searchText } from './query.ts';

const timestampText = z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/);
const place = z.tuple([timestampText, searchText, searchText]);

/** Answers one session with its observations; 404 for one that we have never heard of. */
export async function showSession({ db }: ApiDependencies, req: Request, res: Response): Promise<void> {
  const sessionId = readPath(req, 'session_id', searchText) as SessionId;
  const { account } = readQuery(req, { account: searchText.optional() });
  const [session, ...others] = await findSessions(db, sessionId, account);
  if (session === undefined)
    throw new ServiceError('not_found', 'No session with this id has been heard of.');
  if (others.length > 0) {
    const accounts = [session, ...others].map((row) => row.account).join(', ');
    throw new ServiceError(
      'conflict',
      `Several accounts have a session with this id: ${accounts}. Add ?account=.`,
    );
  }
  const observed = await findObservations(db, session);
  res.json({
    ...show(session),
    observations: observed.map((observation) => ({
      delivery_id: observation.deliveryId,
      source: observation.source,
      verdict: observation.verdict,
      confidence: observation.confidence,
      reference_id: observation.referenceId,
      occurred_at: observation.occurredAt,
      known_at: observation.knownAt,
    })),
  });
}

/** Answers a page of sessions, newest first, of one person with `?reference_id=`. */
export async function showSessions({ db }: ApiDependencies, req: Request, res: Response): Promise<void> {
  const query = readQuery(req, {
    reference_id: searchText.optional(),
    account: searchText.optional(),
    state: z.enum(sessionStates, `must be one of ${sessionStates.join(', ')}`).optional(),
    settled_source: z.enum(sources, `must be one of ${sources.join(', ')}`).optional(),
    ...pageParameters,
  });
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
  res.json(pageOf(rows, query.limit, show, (row) => [row.expectedAt, row.sessionId, row.account]));
}

function show(session: SessionRow) {
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
