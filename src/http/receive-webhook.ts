// The front door: `POST /webhooks/ilive` and `/webhooks/ilive/:account`. Reads the raw bytes itself, verifies them before
// anything parses them (guarantee 3), has them stored, and answers 202. After a good signature the only other answer is
// 503 (guarantee 4): the vendor retries on 5xx and network failure alone, so a 4xx would destroy the event.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { NewDelivery, RecordedDelivery } from '../db/deliveries.ts';
import { ServiceError } from '../errors.ts';
import type { DeliveryId } from '../events/event.ts';
import { probeUserAgent } from '../ilive/payload.ts';
import {
  type SignatureFailure,
  type SigningKey,
  signatureHeadersOf,
  type Template,
  type Verification,
  verify,
} from '../ilive/signature.ts';
import type { RefusedRequest } from '../operations/refusal-buffer.ts';
import { secretUnopened } from '../operations/refusal-reasons.ts';
import { describeDelivery, pickHeaders, storedHeaders } from '../operations/webhook-delivery.ts';
import { readTraceId } from '../trace-context.ts';
import type { Admission } from './admission.ts';
import { sendProblem } from './error-response.ts';
import { type Held, readBody } from './read-body.ts';

export interface ReceiveDependencies {
  /** The signing keys of an account; none for one that has no secrets. */
  readonly keysOf: (account: string) => readonly SigningKey[];
  /** Whether a secret of the account does not open for want of its encryption key. */
  readonly hasUnopened: (account: string) => boolean;
  /** Told which of them a delivery of iLive's matched. */
  readonly onMatched: (account: string, keyIndex: number) => void;
  /** The account of a request whose path names none. */
  readonly defaultAccount: string;
  /** Takes unsigned requests in, as hints that prove nothing. Off unless a pull is to settle what they say. */
  readonly takesUnsigned: boolean;
  readonly template: Template;
  readonly toleranceSeconds: number;
  readonly bodyLimitBytes: number;
  /** Turns requests away before they are read, when there are more than can be taken. */
  readonly admission: Admission;
  readonly store: (delivery: NewDelivery) => Promise<RecordedDelivery>;
  /** Takes what was refused, so that a wrong refusal can be undone; never waits, never throws. */
  readonly keepRefusal: (request: RefusedRequest) => void;
  /** Ids in the order of receipt. */
  readonly newId: () => DeliveryId;
  readonly now: () => Date;
  /** The machine's own clock, which may have jumped. */
  readonly wall: () => Date;
  /** Told of each that was signed and is answered 503, with the id of its trace. */
  readonly onUnstored: (error: unknown, traceId: string | undefined) => void;
  readonly onReceived: (isRepeat: boolean) => void;
  readonly onRefused: (reason: string) => void;
}

// What explains a refusal: what may have changed the bytes on their way. Never a cookie or an authorization.
const refusedHeaders = [
  ...storedHeaders,
  'content-length',
  'transfer-encoding',
  'host',
  'via',
  'x-forwarded-for',
];

// Of what is signed, at another time.
const timestampFailures: ReadonlySet<SignatureFailure> = new Set(['timestamp_too_old', 'timestamp_too_new']);
const overloadedRetryAfterSeconds = 1;
// Somebody has to put a key back and restart.
const unopenedRetryAfterSeconds = 60;
const unopenedProblem = {
  status: 503,
  code: 'unavailable',
  detail: 'A signing secret of this account does not open, so the signature cannot be judged; try again.',
  headers: { 'retry-after': String(unopenedRetryAfterSeconds) },
};

/** Answers one request. `account` is the one that the path names. Never rejects. */
export async function receiveWebhook(
  deps: ReceiveDependencies,
  account: string,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  if (deps.admission.refuse() !== undefined) return answerOverloaded(deps, req, res);
  const held = deps.admission.hold();
  try {
    await receiveAdmitted(deps, account, req, res, held);
  } finally {
    held.release();
  }
}

async function receiveAdmitted(
  deps: ReceiveDependencies,
  account: string,
  req: IncomingMessage,
  res: ServerResponse,
  held: Held,
): Promise<void> {
  const body = await readBody(req, deps.bodyLimitBytes, held);
  if (body === 'aborted') return deps.onRefused('connection_aborted'); // nobody is there to be answered
  if (body === 'overloaded') return answerOverloaded(deps, req, res);
  if (body === 'too_large') {
    deps.onRefused('body_too_large');
    const detail = `The body is larger than the limit of ${deps.bodyLimitBytes} bytes (BODY_LIMIT_BYTES).`;
    return sendProblem(req, res, {
      status: 413,
      code: 'body_too_large',
      detail,
      headers: { connection: 'close' },
    });
  }
  const receivedAt = deps.now();
  const verification = verifyRequest(deps, account, req, body, receivedAt);
  const isUnsigned = !verification.ok && verification.reason === 'missing_signature';
  const isHint = isUnsigned && deps.takesUnsigned && hasSecrets(deps, account);
  if (!verification.ok && !isHint) {
    return answerRefused(deps, { account, receivedAt, body, reason: verification.reason }, req, res);
  }
  const isProbe = req.headers['user-agent'] === probeUserAgent;
  if (verification.ok && !isProbe) deps.onMatched(account, verification.keyIndex);
  try {
    const { id, isRepeat } = await deps.store(
      describeDelivery({
        id: deps.newId(),
        account,
        headers: req.headers,
        body,
        receivedAt,
        isProven: verification.ok,
      }),
    );
    deps.onReceived(isRepeat);
    const answer = `{"delivery_id":"${id}","repeat":${isRepeat}}`;
    res.writeHead(202, { 'content-type': 'application/json', 'content-length': answer.length });
    res.end(answer);
  } catch (error) {
    answerUnavailable(deps, req, res, error);
  }
}

function verifyRequest(
  deps: ReceiveDependencies,
  account: string,
  req: IncomingMessage,
  body: Buffer,
  now: Date,
): Verification {
  const { template, toleranceSeconds } = deps;
  const keys = deps.keysOf(account);
  const verifyAt = (at: Date) =>
    verify(signatureHeadersOf(req.headers), body, { keys, template, toleranceSeconds, now: at });
  const verification = verifyAt(now);
  if (verification.ok || !timestampFailures.has(verification.reason)) return verification;
  // After a jump nobody knows yet which of the two is right: of a machine that was suspended it is its own.
  const byWall = verifyAt(deps.wall());
  return byWall.ok ? byWall : verification;
}

function hasSecrets({ keysOf, hasUnopened }: ReceiveDependencies, account: string): boolean {
  return keysOf(account).length > 0 || hasUnopened(account);
}

// What would be judged by a secret that does not open is not judged: it may be iLive's, which tries again after a 503 alone.
// It is kept either way, and `reverify` lets it in once the secret opens.
function answerRefused(
  deps: ReceiveDependencies,
  refused: Pick<RefusedRequest, 'account' | 'receivedAt' | 'body'> & { readonly reason: SignatureFailure },
  req: IncomingMessage,
  res: ServerResponse,
): void {
  const isBySecret = refused.reason === 'unknown_account' || refused.reason === 'signature_mismatch';
  const isUndecided = isBySecret && deps.hasUnopened(refused.account);
  const reason = isUndecided ? secretUnopened : refused.reason;
  deps.onRefused(reason);
  const address = req.socket.remoteAddress ?? 'unknown';
  deps.keepRefusal({ ...refused, reason, address, headers: pickHeaders(req.headers, refusedHeaders) });
  const unproven = { status: 401, code: refused.reason, detail: explain(refused.reason) };
  sendProblem(req, res, isUndecided ? unopenedProblem : unproven);
}

// Nothing is known of the request yet, and no line is written for it: there may be thousands a second.
function answerOverloaded(deps: ReceiveDependencies, req: IncomingMessage, res: ServerResponse): void {
  deps.onRefused('overloaded');
  req.on('error', () => {}); // what it still sends is thrown away
  sendProblem(req, res, {
    status: 503,
    code: 'overloaded',
    detail: 'More deliveries come in than can be taken; try again.',
    headers: { 'retry-after': String(overloadedRetryAfterSeconds) },
  });
}

function answerUnavailable(
  deps: ReceiveDependencies,
  req: IncomingMessage,
  res: ServerResponse,
  error: unknown,
): void {
  const trouble = error instanceof ServiceError ? error : undefined;
  const retryAfterSeconds = Math.ceil((trouble?.retryAfterMs ?? 2_000) / 1000);
  deps.onRefused(trouble?.code ?? 'internal');
  deps.onUnstored(error, readTraceId(pickHeaders(req.headers, ['traceparent']).traceparent));
  sendProblem(req, res, {
    status: 503,
    code: trouble?.code ?? 'unavailable',
    detail: 'The delivery could not be stored; try again.',
    headers: { 'retry-after': String(retryAfterSeconds) },
  });
}

function explain(reason: string): string {
  return `The request did not prove that it comes from iLive: ${reason.replaceAll('_', ' ')}.`;
}
