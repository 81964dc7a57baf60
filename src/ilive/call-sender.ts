// From a plan of a dialect to a whole, successful answer: key, pace, breaker, retries, report, in that order around each
// exchange. The order matters: a call that the breaker refuses costs nothing of the budget, and a caller who waits for
// the budget does not hold the breaker's one trial.
import { setTimeout as delay } from 'node:timers/promises';
import { call, cancelled, type Exchange, type Limits } from './call.ts';
import { type BreakerOptions, createBreaker, noBreaker } from './call-breaker.ts';
import { documentedRetries, withRetries } from './call-retry.ts';
import type { Plan } from './dialects.ts';
import {
  ApiError,
  AuthenticationError,
  type Refusable,
  refusedBy,
  VendorUnavailableError,
} from './errors.ts';
import { type Answer, readError, readRequestId } from './errors-read.ts';
import { createRateBudget, type RateBudget } from './rate-limit.ts';
import { readRateLimits } from './rate-limit-headers.ts';

export interface SenderOptions {
  /** An API key or a session's JWT; a function is asked before each try, so that keys can be rotated. */
  readonly apiKey: string | (() => string);
  readonly baseUrl?: string;
  readonly connectTimeoutMs?: number;
  /** For one try, from its start to the last byte of the answer. */
  readonly responseTimeoutMs?: number;
  /** Only reads are tried again, and after a 429 everything. */
  readonly maxRetries?: number;
  /** Default: a pace of this client's own, at the Standard tier until answers tell another. */
  readonly budget?: RateBudget;
  readonly breaker?: BreakerOptions | false;
  /** Told of each try; what it throws is ignored. */
  readonly onCall?: (call: CallReport) => void;
  readonly now?: () => Date;
  /** Must let `now` advance by what it was asked for, and reject when the signal is aborted. */
  readonly wait?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

export interface CallReport {
  readonly operation: string;
  readonly status: number | null;
  /** To be logged: iLive's support finds the call by it. */
  readonly requestId: string | null;
  readonly ms: number;
  /** The error's code; null for a success. */
  readonly code: string | null;
  /** What iLive answered 401 or 403 to; null where it did not. */
  readonly refused: Refusable | null;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** W3C Trace Context; sent along, so that the call is found in the trace that it is part of. */
  readonly traceparent?: string;
}

interface Sending extends CallOptions {
  /** Default: what an answer in JSON may have. */
  readonly maxAnswerBytes?: number;
}

export interface Success extends Answer {
  /** Without the call's secrets, unlike the headers. */
  readonly requestId: string | null;
}

export type Send = (operation: string, plan: Plan, sending: Sending) => Promise<Success>;

export const defaultBaseUrl = 'https://api.iliveauth.com';
export const defaultConnectTimeoutMs = 5_000;
export const defaultResponseTimeoutMs = 30_000;
export const defaultBreaker: BreakerOptions = { failures: 5, halfOpenAfterMs: 10_000 };

const jsonLimitBytes = 2 ** 20;

/** Builds the one way by which all operations go out. It resolves with a 2xx and throws an ApiError otherwise. */
export function createSender(options: SenderOptions): Send {
  const now = options.now ?? (() => new Date());
  const wait = options.wait ?? ((ms, signal) => delay(ms, undefined, { signal }));
  const limits: Limits = {
    connectTimeoutMs: options.connectTimeoutMs ?? defaultConnectTimeoutMs,
    responseTimeoutMs: options.responseTimeoutMs ?? defaultResponseTimeoutMs,
  };
  const budget = options.budget ?? createRateBudget(clockOf(options));
  const breaker = options.breaker === false ? noBreaker : createBreaker(options.breaker ?? defaultBreaker);
  const baseUrl = readBaseUrl(options.baseUrl ?? defaultBaseUrl);
  const report = (told: CallReport) => {
    try {
      options.onCall?.(told);
    } catch {
      // A broken observer must not turn a call that was made into one that failed.
    }
  };

  /** One try: an answer of any kind but the vendor's own trouble, which is thrown so that the breaker counts it. */
  const exchange = async (
    request: Exchange & { readonly hasToken: boolean },
    signal: AbortSignal | undefined,
  ): Promise<Success | ApiError> => {
    const { operation, secrets } = request;
    const startedAt = performance.now();
    const elapsedMs = () => Math.round(performance.now() - startedAt);
    const tellError = (error: ApiError) => {
      const { status, requestId, code } = error;
      const refused = refusedBy(error, request.hasToken);
      report({ operation, status, requestId, ms: elapsedMs(), code, refused });
    };
    try {
      const answer = await call(request, limits, signal);
      budget.learn(readRateLimits(answer.headers, now()));
      const { status, headers } = answer;
      if (status >= 200 && status < 300) {
        const requestId = readRequestId(headers, secrets);
        report({ operation, status, requestId, ms: elapsedMs(), code: null, refused: null });
        return { ...answer, requestId };
      }
      const error = readError(operation, answer, { secrets, now: now() });
      if (error instanceof VendorUnavailableError) throw error;
      tellError(error);
      return error;
    } catch (error) {
      if (error instanceof ApiError) tellError(error);
      throw error;
    }
  };

  return (operation, plan, { signal, traceparent, maxAnswerBytes = jsonLimitBytes }) => {
    const attempt = async () => {
      breaker.check(operation);
      await budget.take(signal).catch((reason: unknown) => {
        throw signal?.aborted ? cancelled(operation) : reason;
      });
      const request = {
        ...toRequest(plan, baseUrl, readKey(options.apiKey), traceparent),
        operation,
        maxAnswerBytes,
      };
      const outcome = await breaker.run(operation, () => exchange(request, signal), signal);
      if (outcome instanceof ApiError) throw outcome;
      return outcome;
    };
    const isIdempotent = plan.method === 'GET';
    const maxRetries = options.maxRetries ?? documentedRetries;
    return withRetries({ operation, isIdempotent, maxRetries, budget, wait, signal }, attempt);
  };
}

function clockOf({ now, wait }: SenderOptions) {
  return {
    ...(now === undefined ? {} : { nowMs: () => now().getTime() }),
    ...(wait === undefined ? {} : { wait }),
  };
}

function toRequest(
  { method, path, token, json, parts }: Plan,
  baseUrl: string,
  key: string,
  traceparent: string | undefined,
) {
  const url = new URL(`${baseUrl}${path}`);
  if (token !== undefined) url.searchParams.set('token', token);
  const headers: Record<string, string> = {
    authorization: `Bearer ${key}`,
    accept: 'application/json, image/*',
  };
  if (traceparent !== undefined) headers.traceparent = traceparent;
  if (json !== undefined) headers['content-type'] = 'application/json';
  const body = json === undefined ? toForm(parts) : JSON.stringify(json);
  const init = { method, headers, ...(body === undefined ? {} : { body }) };
  const hasToken = token !== undefined;
  return { url, init, hasToken, secrets: hasToken ? [key, token] : [key] };
}

function toForm(parts: Plan['parts']): FormData | undefined {
  if (parts === undefined) return undefined;
  const form = new FormData();
  for (const [name, part] of Object.entries(parts)) {
    if (typeof part === 'string') form.set(name, part);
    else if (part !== undefined) {
      form.set(name, new Blob([new Uint8Array(part.bytes)], { type: part.contentType }), part.fileName);
    }
  }
  return form;
}

// A key that no header can carry would be quoted in full by the error of the network stack.
function readKey(apiKey: string | (() => string)): string {
  const key = (typeof apiKey === 'function' ? apiKey() : apiKey).trim();
  if (key === '') throw new AuthenticationError('There is no API key for iLive', { code: 'missing_api_key' });
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  throw new AuthenticationError('The API key for iLive holds characters that no key has', {
    code: 'invalid_api_key',
  });
}

function readBaseUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new TypeError('baseUrl must be an http or https address without credentials');
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}
