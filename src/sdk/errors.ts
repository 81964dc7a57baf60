// What can go wrong with a call to the service: one class for each thing that a caller can do about it.

export interface SdkErrorFacts {
  /** The answer's status; null where there was none. */
  readonly status: number | null;
  /** The problem's code, such as `not_found`; `no_answer` where there was none. */
  readonly code: string;
  /** Name it when you ask about the call. */
  readonly requestId: string | null;
  readonly retryAfterMs: number | null;
  readonly cause?: unknown;
}

export class SdkError extends Error {
  readonly status: number | null;
  readonly code: string;
  readonly requestId: string | null;
  readonly retryAfterMs: number | null;

  constructor(message: string, { status, code, requestId, retryAfterMs, cause }: SdkErrorFacts) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The service did not answer, or cannot now (no connection, time-out, 502, 503, 504): try again later. */
export class UnavailableError extends SdkError {}

/** 429: too many requests with this key; `retryAfterMs` says when to go on. */
export class RateLimitError extends SdkError {}

/** 401 or 403: the key is missing, unknown, revoked, or of too low a role. */
export class KeyError extends SdkError {}

/** 404: there is no such thing. */
export class NotFoundError extends SdkError {}

/**
 * 410: the cursor is too old, or of another database. Take the cursor of now (`listChanges` with `after: 'latest'`) first, then
 * read anew what you need, then follow from that cursor: what changes while you read comes after it.
 */
export class GoneError extends SdkError {}

/** Any other 4xx, or a redirect for good (301, 308): the request or the `url` has to change; the message says how. */
export class RequestError extends SdkError {}

/** Of a call that could not be made as it was asked for; the service knows nothing of it. */
export const notSent = { status: 400, code: 'invalid_request', requestId: null, retryAfterMs: null } as const;

/** The error that an answer is. */
export function errorOf(message: string, facts: SdkErrorFacts): SdkError {
  const { status } = facts;
  if (status === null || status === 502 || status === 503 || status === 504) {
    return new UnavailableError(message, facts);
  }
  if (status === 429) return new RateLimitError(message, facts);
  if (status === 401 || status === 403) return new KeyError(message, facts);
  if (status === 404) return new NotFoundError(message, facts);
  if (status === 410) return new GoneError(message, facts);
  return status >= 400 && status < 500 ? new RequestError(message, facts) : new SdkError(message, facts);
}
