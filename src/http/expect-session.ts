// How sessions enter the ledger by name. `POST /v1/sessions` creates one at iLive through us; `PUT /v1/sessions/{id}`
// registers one that another service created. From then on it is expected, and asked about if it stays silent. Tokens are
// sealed on the way in and never shown again (guarantee 9).
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Transaction } from '../db/connect.ts';
import { findSessions } from '../db/find-sessions.ts';
import {
  dropIdempotencyKey,
  finishIdempotencyKey,
  type KnownRequest,
  recordIdempotencyKey,
} from '../db/idempotency-keys.ts';
import { type RegisteredSession, registerSession } from '../db/ledger.ts';
import { type SessionKey, sessionKeyText } from '../db/sessions.ts';
import { ServiceError } from '../errors.ts';
import type { SessionId } from '../events/event.ts';
import type { Instant } from '../events/instant.ts';
import type { IliveClient } from '../ilive/client.ts';
import { ApiError, AuthenticationError, PermissionError } from '../ilive/errors.ts';
import { writeTrace } from '../trace-context.ts';
import type { ExpectDependencies } from './api.ts';
import { operation, reply } from './operation.ts';
import { searchText, timeText } from './query.ts';
import { traceOf } from './request-trace.ts';
import { openSessionUrl, sealSessionUrl } from './session-url.ts';
import { instant } from './shapes.ts';

const inProgressRetryAfterMs = 1_000;
// A session lives for half an hour (documented), and SESSION_TTL_SECONDS takes a day at most: what lies further ahead is a
// slip of the hand, and would have iLive asked for as long.
const expiresWithinMs = 24 * 60 * 60 * 1000;

const text = searchText;
const token = z.string().min(1, 'must not be empty').max(4_096, 'must be at most 4096 characters');
const webUrl = z.url('must be an address').max(2_048, 'must be at most 2048 characters');

const creation = z
  .strictObject({
    reference_id: text.describe('Your own id of the person.'),
    mode: z.enum(['passive', 'active'], 'must be passive or active').optional().describe("Default: iLive's."),
    redirect_url: webUrl.optional().describe('Where iLive sends the user afterwards.'),
  })
  .meta({ examples: [{ reference_id: 'user-12345', mode: 'passive' }] });

const registration = z
  .strictObject({
    reference_id: text.optional().describe('Your own id of the person.'),
    token: token
      .optional()
      .describe(
        'With which the result is read: kept encrypted, never shown. The managed dialect cannot pull without it.',
      ),
    expires_at: timeText
      .optional()
      .describe(
        'When iLive forgets the session: ahead, and within 24 hours from now. Default: SESSION_TTL_SECONDS from now.',
      ),
    account: text
      .optional()
      .describe('The iLive account that it was created with, as it is named here. Default: default.'),
  })
  .meta({ examples: [{ reference_id: 'user-67890' }] });

const expectedFields = {
  session_id: z.string(),
  account: z.string(),
  reference_id: z.string().nullable(),
  expires_at: instant.nullable(),
};
const createdSession = z
  .object({
    ...expectedFields,
    session_url: z.string().nullable().describe('Where to send the user; null where iLive gave none.'),
  })
  .meta({ id: 'CreatedSession' });
const registeredSession = z.object(expectedFields).meta({ id: 'RegisteredSession' });

/** Creates a session at iLive and expects it; the same `Idempotency-Key` gives the same session again. */
export const createSession = operation({
  headers: {
    'idempotency-key': z
      .string()
      .regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 visible ASCII characters')
      .optional()
      .describe(
        'The same create under the same key makes one session, for a day: send one with each, to be able to repeat it.',
      ),
  },
  body: creation,
  answers: { 200: createdSession, 201: createdSession },
  errors: ['conflict', 'in_progress'],
  answer: async ({ expect: deps }, { headers, body: wanted, req }) => {
    const { client, db } = deps;
    if (client === undefined) {
      throw new ServiceError('conflict', 'Sessions cannot be created here: ILIVE_API_KEY is not set.');
    }
    // Asked before iLive is: a session that it made for us and that we could not keep would be nobody's.
    if (deps.dialect === 'managed' && deps.cipher === undefined) throw cannotKeepTokens();
    const idempotencyKey = headers['idempotency-key'];
    const traceparent = writeTrace(traceOf(req));
    const requestSha256 = createHash('sha256').update(JSON.stringify(wanted)).digest();
    if (idempotencyKey !== undefined) {
      const known = await recordIdempotencyKey(db, idempotencyKey, requestSha256, deps.now());
      if (known !== undefined) return reply(200, await showKnown(deps, known, requestSha256));
    }
    try {
      return reply(201, await createAndExpect(deps, client, { wanted, idempotencyKey, traceparent }));
    } catch (error) {
      if (idempotencyKey !== undefined) await dropIdempotencyKey(db, idempotencyKey);
      throw error instanceof ApiError ? asServiceTrouble(error) : error;
    }
  },
});

/** Registers a session that another service created: 201 for a new one, 200 for one that was known. */
export const registerKnownSession = operation({
  path: { session_id: searchText },
  body: registration,
  answers: { 200: registeredSession, 201: registeredSession },
  errors: ['conflict'],
  answer: async ({ expect: deps }, { path, body: given }) => {
    const startedAt = deps.now();
    const expiresAt = given.expires_at ?? new Date(startedAt.getTime() + deps.sessionTtlMs);
    // Nothing could be asked of it any more, and it would count as lost.
    if (expiresAt <= startedAt)
      throw new ServiceError('invalid_request', 'field "expires_at" must lie ahead.');
    if (expiresAt.getTime() - startedAt.getTime() > expiresWithinMs)
      throw new ServiceError('invalid_request', 'field "expires_at" must lie within 24 hours from now.');
    const { account = deps.defaultAccount } = given;
    if (!deps.accounts().includes(account)) throw noSecrets(deps.accounts());
    const key = { sessionId: path.session_id as SessionId, account };
    const row = await deps.db.transaction(async (tx) => {
      const registered = await expectSession(deps, tx, key, { ...given, startedAt, expiresAt });
      // Nothing is changed for a caller who means another person's session.
      if (given.reference_id !== undefined && registered.referenceId !== given.reference_id)
        throw new ServiceError('conflict', 'This session is known with another reference_id.');
      return registered;
    });
    return reply(row.isNew ? 201 : 200, {
      session_id: key.sessionId,
      account: key.account,
      reference_id: row.referenceId,
      expires_at: row.expiresAt,
    });
  },
});

interface Creation {
  readonly wanted: z.infer<typeof creation>;
  readonly idempotencyKey: string | undefined;
  readonly traceparent: string;
}

async function createAndExpect(
  deps: ExpectDependencies,
  client: IliveClient,
  { wanted, idempotencyKey, traceparent }: Creation,
) {
  const startedAt = deps.now();
  const input = {
    referenceId: wanted.reference_id,
    ...(wanted.mode === undefined ? {} : { mode: wanted.mode }),
    ...(wanted.redirect_url === undefined ? {} : { redirectUrl: wanted.redirect_url }),
    ...(deps.webhookUrl === undefined ? {} : { webhookUrl: deps.webhookUrl }),
  };
  const created = await client.createSession(input, { traceparent });
  const key = { sessionId: created.sessionId as SessionId, account: deps.defaultAccount };
  const expiresAt = endOf(created.expiresAt, startedAt, deps.sessionTtlMs);
  const { sessionUrl } = created;
  const row = await deps.db.transaction(async (tx) => {
    // The reference dialect answers to the API key: there a token that cannot be sealed is not needed either.
    const token = deps.cipher === undefined ? undefined : (created.token ?? undefined);
    const expected = await expectSession(deps, tx, key, { ...wanted, token, startedAt, expiresAt });
    if (idempotencyKey !== undefined) {
      const kept = sealSessionUrl(sessionUrl, key, deps.cipher);
      await finishIdempotencyKey(tx, idempotencyKey, { ...key, sessionUrl: kept });
    }
    return expected;
  });
  return {
    session_id: key.sessionId,
    account: key.account,
    reference_id: wanted.reference_id,
    session_url: sessionUrl,
    expires_at: row.expiresAt,
  };
}

/** iLive's word for the end, as far as it can be believed: a session that is just made lives, and not for longer than a day. */
function endOf(said: Instant | null, startedAt: Date, sessionTtlMs: number): Date {
  const start = startedAt.getTime();
  const saidMs = said === null ? start : new Date(said).getTime();
  const end = saidMs > start ? saidMs : start + sessionTtlMs;
  return new Date(Math.min(end, start + expiresWithinMs));
}

function expectSession(
  deps: ExpectDependencies,
  tx: Transaction,
  key: SessionKey,
  given: { reference_id?: string | undefined; token?: string | undefined; startedAt: Date; expiresAt: Date },
): Promise<RegisteredSession> {
  if (given.token !== undefined && deps.cipher === undefined) {
    throw cannotKeepTokens();
  }
  const session = {
    key,
    referenceId: given.reference_id ?? null,
    dialect: deps.dialect,
    token: given.token === undefined ? null : (deps.cipher?.seal(given.token, sessionKeyText(key)) ?? null),
    expectedAt: given.startedAt,
    expiresAt: given.expiresAt,
    nextPullAt: deps.firstPullAt(given.startedAt, given.expiresAt),
    confirmed: deps.confirmed,
  };
  return registerSession(tx, session, deps.now);
}

async function showKnown({ db, cipher }: ExpectDependencies, known: KnownRequest, requestSha256: Buffer) {
  if (!known.requestSha256.equals(requestSha256)) {
    throw new ServiceError('conflict', 'This Idempotency-Key was used for another request.');
  }
  if (known.sessionId === null) {
    const message = 'A request with this Idempotency-Key is still under way; ask again a little later.';
    throw new ServiceError('in_progress', message, { retryAfterMs: inProgressRetryAfterMs });
  }
  const [session] = await findSessions(db, known.sessionId, known.account ?? undefined);
  const key = { sessionId: known.sessionId, account: known.account ?? session?.account ?? '' };
  return {
    session_id: key.sessionId,
    account: key.account,
    reference_id: session?.referenceId ?? null,
    session_url: openSessionUrl(known.sessionUrl, key, cipher),
    expires_at: session?.expiresAt ?? null,
  };
}

// A delivery about it could never be verified: a slip of the hand, which the known names show.
function noSecrets(known: readonly string[]): ServiceError {
  const names = known.map((account) => `"${account}"`).join(', ');
  return new ServiceError(
    'invalid_request',
    `field "account" must be one that this service knows: ${names}.`,
  );
}

function cannotKeepTokens(): ServiceError {
  return new ServiceError('conflict', 'Tokens cannot be kept here: ENCRYPTION_KEYS is not set.');
}

// A caller can tell by it whether to wait or to call somebody.
function troubleOf(error: ApiError): string {
  return error instanceof AuthenticationError || error instanceof PermissionError
    ? `iLive refuses the ILIVE_API_KEY of this service (${error.code}): its operators have to put that right.`
    : 'iLive cannot be asked now; try again.';
}

// iLive's trouble is passed on as ours; what it found wrong in the request is told in its own code.
function asServiceTrouble(error: ApiError): ServiceError {
  const { status, retryAfterMs } = error;
  const isRequestWrong = status === 400 || status === 409 || status === 422;
  const code = isRequestWrong ? 'invalid_request' : 'unavailable';
  const message = isRequestWrong ? `iLive refused the request: ${error.code}.` : troubleOf(error);
  return new ServiceError(code, message, {
    cause: error,
    isForCallers: true,
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  });
}
