// An answer that is no success → the error that tells the caller what to do. iLive documents one envelope,
// `{detail: {code, message, request_id}}`; its framework's own validation makes `detail` a list, and whatever stands in
// front of it (a proxy, a deployment) answers in forms of its own. Every form becomes a typed error; nothing here throws
// for want of a field. Texts of the vendor are cleaned of the call's secrets, since it may repeat the URL to us.
//
// ASSUMPTION 14: outside the envelope the call's id is in the header `X-Request-Id`.
import { z } from 'zod';
import {
  type ApiError,
  AuthenticationError,
  type ErrorFacts,
  InvalidRequestError,
  NotFoundError,
  PermissionError,
  RateLimitError,
  ResponseError,
  VendorUnavailableError,
} from './errors.ts';
import { readRetryAfter } from './rate-limit-headers.ts';
import { readObject } from './results.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

const messageLimitChars = 500;
const codeLimitChars = 100;

const statedError = z.object({
  code: z.string().min(1).nullish().catch(null),
  message: z.string().min(1).nullish().catch(null),
  request_id: z.string().min(1).nullish().catch(null),
});
type StatedError = z.infer<typeof statedError>;

const refusedField = z.object({
  loc: z
    .array(z.union([z.string(), z.number()]))
    .nullish()
    .catch(null),
  msg: z.string().nullish().catch(null),
});

/** The typed error for an answer whose status is not 2xx. `secrets` are removed from every text of it. */
export function readError(
  operation: string,
  answer: Answer,
  { secrets, now }: { secrets: readonly string[]; now: Date },
): ApiError {
  const { status } = answer;
  const stated = readStated(answer.body);
  const cleaned = (text: string | null | undefined, limit: number) =>
    text === null || text === undefined ? undefined : clean(text, secrets).slice(0, limit);
  const requestId = cleaned(stated.request_id, codeLimitChars) ?? readRequestId(answer.headers, secrets);
  const code = cleaned(stated.code, codeLimitChars) ?? `http_${status}`;
  const message = cleaned(stated.message, messageLimitChars) ?? 'the answer gives no reason that can be read';
  const trace = requestId === null ? '' : `, request ${requestId}`;
  return new (classOf(status))(`${operation} failed: ${message} (${status} ${code}${trace})`, {
    status,
    code,
    requestId,
    retryAfterMs: readRetryAfter(answer.headers, now),
  });
}

/** iLive's id of a call, from the answer's headers. */
export function readRequestId(headers: Headers, secrets: readonly string[]): string | null {
  const id = headers.get('x-request-id');
  return id === null || id === '' ? null : clean(id, secrets).slice(0, codeLimitChars);
}

/** A foreign text without the secrets, in any spelling that a URL gives them, and without control characters. */
export function clean(text: string, secrets: readonly string[]): string {
  const spellings = secrets
    .filter((secret) => secret !== '')
    .map((secret) => secret.toWellFormed())
    .flatMap((secret) => [
      secret,
      encodeURIComponent(secret),
      new URLSearchParams([['', secret]]).toString().slice(1),
    ])
    .flatMap((spelling) => [spelling, spelling.replace(/%[\dA-F]{2}/g, (byte) => byte.toLowerCase())]);
  return spellings
    .reduce((cleaned, spelling) => cleaned.replaceAll(spelling, '[secret]'), text)
    .replaceAll(/\p{Cc}+/gu, ' ');
}

function classOf(status: number): new (message: string, facts: ErrorFacts) => ApiError {
  if (status === 401) return AuthenticationError;
  if (status === 403) return PermissionError;
  if (status === 404) return NotFoundError;
  if (status === 429) return RateLimitError;
  if (status >= 500 || status === 408) return VendorUnavailableError;
  return status >= 400 ? InvalidRequestError : ResponseError;
}

function readStated(body: Buffer): Partial<StatedError> {
  const object = readObjectOrNothing(body);
  const { detail, error } = object;
  if (Array.isArray(detail)) return { code: 'invalid_request', message: describeFields(detail) || null };
  const nested = [detail, error].find((value) => typeof value === 'object' && value !== null);
  const told = [detail, error].find((value) => typeof value === 'string' && value !== '');
  const stated = statedError.parse(nested ?? object);
  return {
    ...stated,
    message: stated.message ?? (told as string | undefined) ?? null,
    request_id: stated.request_id ?? statedError.parse(object).request_id ?? null,
  };
}

// The list repeats the refused input too, which is the caller's and none of a log's business.
function describeFields(detail: readonly unknown[]): string {
  return detail
    .map((item) => refusedField.safeParse(item).data)
    .map((field) => [field?.loc?.join('.'), field?.msg].filter(Boolean).join(': '))
    .filter((text) => text !== '')
    .join('; ');
}

function readObjectOrNothing(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    return readObject(body);
  } catch {
    return {};
  }
}
