// The operations on sessions, in both dialects: create, result, photo. The shapes of the answers are assumed throughout,
// since none could be read. A result asked for before the end says pending, and the verdict of a session that has ended
// is the vendor's truth, whatever its webhook said.
import { type Fields, readJson, readText } from './api-body.ts';
import { refuse, refuseField, type VendorAnswer } from './api-errors.ts';
import { createTestImage } from './api-images.ts';
import type { Dialect } from './api-routes.ts';
import { acceptsToken, mintToken, type SessionPlan, stateOf, type VendorSession } from './api-sessions.ts';
import { writeMicros } from './statement.ts';

export interface SessionRequest {
  readonly dialect: Dialect;
  readonly requestId: string;
  readonly nowMs: number;
}

export interface CreateRules {
  readonly ttlSeconds: number;
  readonly tokenLifetimeSeconds: number;
  /** Documented: URLs that are not HTTPS are refused. Off by default, because tests have no certificates. */
  readonly isHttpsOnly: boolean;
  readonly hostedUrl: string;
  readonly plan: (asked: { readonly referenceId: string | null; readonly mode: string }) => SessionPlan;
}

export type Created =
  | { readonly session: VendorSession; readonly answer: VendorAnswer }
  | { readonly session?: undefined; readonly answer: VendorAnswer };

const modes = ['active', 'passive'];

/** Creates a session out of a request's body. */
export function createSession(
  request: SessionRequest,
  caller: string,
  body: Buffer,
  rules: CreateRules,
): Created {
  const { dialect, nowMs } = request;
  const json = readJson(body);
  if (!json.ok) return json;
  const referenceField = dialect === 'reference' ? 'user_id' : 'reference_id';
  const reference = readText(json.value, referenceField, dialect === 'reference');
  if (!reference.ok) return reference;
  const mode = readText(json.value, 'mode', false);
  if (!mode.ok) return mode;
  if (mode.value !== null && !modes.includes(mode.value)) {
    return { answer: refuseField('mode', "Input should be 'active' or 'passive'") };
  }
  for (const field of ['redirect_url', 'webhook_url']) {
    const answer = refuseUrl(json.value, field, rules.isHttpsOnly);
    if (answer !== undefined) return { answer };
  }
  const asked = { referenceId: reference.value, mode: mode.value ?? 'active' };
  const plan = rules.plan(asked);
  const tokenExpiresAtMs = nowMs + rules.tokenLifetimeSeconds * 1000;
  const webhook = readText(json.value, 'webhook_url', false);
  const session: VendorSession = {
    ...asked,
    sessionId: plan.sessionId,
    dialect,
    caller,
    webhookUrl: webhook.ok ? webhook.value : null,
    token: mintToken(dialect, plan.sessionId, tokenExpiresAtMs),
    createdAtMs: nowMs,
    expiresAtMs: nowMs + rules.ttlSeconds * 1000,
    tokenExpiresAtMs,
    plan,
    endsAtMicros: endOf(plan, nowMs, rules.ttlSeconds),
  };
  return { session, answer: { status: 201, body: showCreated(session, rules.hostedUrl) } };
}

function endOf({ endsAfterMs }: SessionPlan, nowMs: number, ttlSeconds: number): number | null {
  if (endsAfterMs === null || endsAfterMs >= ttlSeconds * 1000) return null;
  return Math.round((nowMs + endsAfterMs) * 1000);
}

function refuseUrl(fields: Fields, field: string, isHttpsOnly: boolean): VendorAnswer | undefined {
  const url = readText(fields, field, false);
  if (!url.ok) return url.answer;
  if (url.value === null) return undefined;
  if (!URL.canParse(url.value)) return refuseField(field, 'Input should be a valid URL');
  const isHttps = new URL(url.value).protocol === 'https:';
  return isHttpsOnly && !isHttps ? refuseField(field, 'URL scheme should be https') : undefined;
}

function showCreated(session: VendorSession, hostedUrl: string): Record<string, unknown> {
  const reference =
    session.dialect === 'reference'
      ? { user_id: session.referenceId }
      : { reference_id: session.referenceId };
  return {
    session_id: session.sessionId,
    session_url: `${hostedUrl}/s/${session.sessionId}`,
    token: session.token,
    ...reference,
    mode: session.mode,
    status: 'pending',
    created_at: new Date(session.createdAtMs).toISOString(),
    expires_at: new Date(session.expiresAtMs).toISOString(),
  };
}

/** What the API says of a session that the caller may ask about. */
export function showResult(
  session: VendorSession,
  request: SessionRequest,
  expiredAs: 'status' | 'not_found',
): VendorAnswer {
  const { sessionId, plan, endsAtMicros, referenceId } = session;
  const state = stateOf(session, request.nowMs);
  if (state === 'expired' && expiredAs === 'not_found') return refuse('session_not_found', request);
  const head = { session_id: sessionId, status: state };
  if (state !== 'completed') return { status: 200, body: head, code: state };
  const reference =
    session.dialect === 'reference' ? { user_id: referenceId } : { reference_id: referenceId };
  return {
    status: 200,
    code: state,
    body: {
      ...head,
      verdict: plan.verdict,
      confidence: plan.confidence,
      ...reference,
      completed_at: `${writeMicros(endsAtMicros ?? 0)}+00:00`,
    },
  };
}

/** The photo of a session that was passed; a grey one of the documented size. */
export function showPhoto(session: VendorSession, request: SessionRequest): VendorAnswer {
  const isPassed = stateOf(session, request.nowMs) === 'completed' && session.plan.verdict === 'pass';
  if (!isPassed) return refuse('photo_not_available', request);
  const person = session.referenceId ?? session.sessionId;
  return { status: 200, body: createTestImage({ person }), contentType: 'image/jpeg' };
}

/** The refusal of a wrong, missing or dead session token; undefined where it is good. */
export function refuseToken(
  session: VendorSession,
  given: string | null,
  request: SessionRequest,
  refusal: 401 | 404,
): VendorAnswer | undefined {
  if (given !== null && acceptsToken(session, given, request.nowMs)) return undefined;
  return refuse(refusal === 401 ? 'invalid_token' : 'session_not_found', request);
}
