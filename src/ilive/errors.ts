// What can go wrong when we call iLive, one class for each thing that a caller can do differently about it. `code` is
// iLive's own where it gave one, otherwise one of the words below. No message holds a session token, an API key or a
// piece of an answer's body; whoever makes one of these passes texts that have been cleaned.

/** Codes that are ours; every other code is iLive's, or `http_<status>` where an answer named none. */
export const clientCodes = [
  'cancelled', // the caller's signal was aborted
  'timeout', // no connection, or no whole answer, in time
  'connection_failed', // refused, reset, no such host, broken TLS
  'circuit_open', // not even tried: iLive has failed so often that it is left alone for a while
  'unreadable_answer', // not what this operation answers
  'answer_too_large',
  'wrong_session', // the answer is about a session other than the one asked for
  'image_unreadable', // the path or stream could not be read
  'image_too_large',
  'empty_image',
  'missing_api_key',
  'invalid_api_key', // holds something that no header can carry
  'invalid_session_id',
  'missing_token',
  'invalid_request', // iLive named fields that it refused
  'unsupported_by_dialect',
] as const;

export interface ErrorFacts {
  /** Null where no answer was read. */
  readonly status?: number | null;
  readonly code: string;
  /** iLive's id of the call; its support asks for it. */
  readonly requestId?: string | null;
  /** How long iLive asked us to wait, where it did. */
  readonly retryAfterMs?: number | null;
}

/** The base of them all. */
export class ApiError extends Error {
  readonly status: number | null;
  readonly code: string;
  readonly requestId: string | null;
  readonly retryAfterMs: number | null;

  constructor(message: string, { status = null, code, requestId = null, retryAfterMs = null }: ErrorFacts) {
    super(message);
    this.name = new.target.name;
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.retryAfterMs = retryAfterMs;
  }
}

/** 401: the key, or the session's token, is missing or wrong. Get another one; trying again changes nothing. */
export class AuthenticationError extends ApiError {}

/** 403: the account is suspended, or the key may not do this. */
export class PermissionError extends ApiError {}

/** 404: no such session, collection or face; with a session's token also: the token does not fit. */
export class NotFoundError extends ApiError {}

/** 400, 409, 413, 422 and what we refuse before we send it: the request has to change. */
export class InvalidRequestError extends ApiError {}

/** 429 after every retry. Nothing was executed; come back after `retryAfterMs`. */
export class RateLimitError extends ApiError {}

/** 5xx, no connection, no answer in time, or the breaker is open: iLive's trouble, and worth another try later. */
export class VendorUnavailableError extends ApiError {}

/** An answer that cannot be read as what was asked for. The call may have been executed. */
export class ResponseError extends ApiError {}

/** The caller's own signal ended the call. */
export class CancelledError extends ApiError {}

/** Codes of a 401 that speak of the API key, whatever else the call carries. */
const keyCodes = ['invalid_api_key', 'missing_api_key'];

/** What iLive can refuse: our API key, which concerns every call, or the token of one session. */
export const refusable = ['key', 'token'] as const;
export type Refusable = (typeof refusable)[number];

// ASSUMPTION 20. A 401 without a code says nothing about the session, so it counts as the key's.
/** What a call was refused for with a 401 or 403; null where it was not. */
export function refusedBy(error: ApiError, hasToken: boolean): Refusable | null {
  if (error instanceof PermissionError) return 'key';
  if (!(error instanceof AuthenticationError)) return null;
  return hasToken && isStated(error) && !isOfKey(error) ? 'token' : 'key';
}

/** Whether a 401 speaks of the API key. */
export function isOfKey({ code }: AuthenticationError): boolean {
  return keyCodes.includes(code);
}

// One without may come from what stands before iLive during a deployment, or from another host altogether, and says nothing
// about the session.
/** Whether the answer had a code, as every refusal that iLive documents has. */
export function isStated({ code, status }: ApiError): boolean {
  return code !== `http_${status}`;
}
