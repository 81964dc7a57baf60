// One call to the service: its address, its time limit, its answer or its error, and trying again where that is harmless.
import { errorOf, notSent, RateLimitError, RequestError, SdkError, UnavailableError } from './errors.ts';
import { type Operations, operations } from './schema.ts';
import { baseOf, type CallOptions, type SdkOptions, send, timerMs } from './send.ts';

export type { CallOptions, SdkOptions } from './send.ts';

export type OperationName = keyof Operations & keyof typeof operations;

/** What an operation takes: `path`, `query` and `body`, as far as it has them. */
export type Asked<Name extends OperationName> = Omit<Operations[Name], 'answer'>;
export type Answer<Name extends OperationName> = Operations[Name]['answer'];
/** Operations that need nothing of what they take. */
export type UndemandingName = {
  [Name in OperationName]: Record<never, never> extends Asked<Name> ? Name : never;
}[OperationName];

const defaultMaxRetries = 3;
const retryBaseMs = 250;
const retryMaxMs = 10_000;
/** What asks for more, such as a page of a proxy, is handed to whoever did not say that a call may be tried without an end. */
const longestRetryAfterMs = 60_000;
/** After so long the service takes a create for dead, and its key for free: none is under way for longer. */
const underWayMaxMs = 11 * 60 * 1_000;

/** Throws an SdkError for any answer that is none of the operation's, and what `signal` was aborted with. */
export async function call<Name extends OperationName>(
  sdk: SdkOptions,
  name: Name,
  asked: Asked<Name> | undefined,
  options: CallOptions = {},
): Promise<Answer<Name>> {
  // The types know each name, but not every caller has types.
  if (!Object.hasOwn(operations, name)) {
    throw errorOf(`"${name}" is no operation that the SDK can call.`, notSent);
  }
  const { method, path } = operations[name];
  const parts: { path?: object; query?: object; body?: unknown } = asked ?? {};
  const url = new URL(fill(path, parts.path), baseOf(sdk.url));
  for (const [key, value] of Object.entries(parts.query ?? {})) {
    // Left out it would ask for everything.
    if (Array.isArray(value) && value.length === 0) {
      throw errorOf(`"${key}" is an empty list: name at least one, or leave it out for all.`, notSent);
    }
    if (value !== undefined) url.searchParams.set(key, String(value));
  }
  const isOnce = name === 'createSession' && options.idempotencyKey !== undefined;
  const isRepeatable = method !== 'POST' || path.endsWith('/lookup') || isOnce;
  const maxRetries = isRepeatable ? (options.maxRetries ?? sdk.maxRetries ?? defaultMaxRetries) : 0;
  const beganAt = performance.now();
  for (let attempt = 0; ; ) {
    try {
      const answer = await send(sdk, method, url, { ...options, body: parts.body });
      return checked(answer as Answer<Name>, isAbout(answer, parts.path));
    } catch (error) {
      if (!isPassing(error) || maxRetries === 0 || options.signal?.aborted) throw error;
      const isWaited = isUnderWay(error) && performance.now() - beganAt < underWayMaxMs;
      const waitMs = retryWaitMs(error, attempt);
      const isTooLong = waitMs > longestRetryAfterMs && maxRetries !== Number.POSITIVE_INFINITY;
      if (!isWaited && (attempt >= maxRetries || isTooLong)) throw error;
      if (!isWaited) attempt += 1;
      sdk.onRetry?.(error, waitMs);
      await pause(waitMs, options.signal);
    }
  }
}

/** What stands in front of the service may answer JSON of its own, or of another request. */
export function checked<T>(answer: T, isOfService: boolean): T {
  if (isOfService) return answer;
  const facts = { status: 200, code: 'not_of_service', requestId: null, retryAfterMs: null };
  throw new SdkError('What answered is not the service: its answer is not one to what was asked.', facts);
}

// On a connection on which one answer came twice, the next is to the question before: about another person.
function isAbout(answer: unknown, path: object = {}): boolean {
  const told = Object(answer) as Record<string, string | undefined>;
  return Object.entries(path).every(
    ([name, asked]) =>
      !['session_id', 'reference_id'].includes(name) || [String(asked), undefined].includes(told[name]),
  );
}

/** Whether the same call may succeed a little later. */
export function isPassing(error: unknown): error is SdkError {
  return error instanceof UnavailableError || error instanceof RateLimitError || isUnderWay(error);
}

// The very same call, cut off before: what it makes is to come, so this is no failure, and no try is spent on it.
function isUnderWay(error: unknown): boolean {
  return error instanceof SdkError && error.code === 'in_progress';
}

/**
 * Whether who waits or follows asks again: they ask the very same, so nothing is lost by it, and who would start them anew may
 * not be there. It is any trouble but what is wrong with the request: also a failure inside the service, and an answer that is not
 * the service's, such as a page of what stands in front of it.
 */
export function isWaitedOut(error: unknown): error is SdkError {
  if (isPassing(error)) return true;
  if (!(error instanceof SdkError) || error.status === null) return false;
  if (error instanceof RequestError) return error.status === 408;
  return error.status < 400 || error.status >= 500;
}

/** How long to wait before the next try: what the service says, or longer each time. */
export function retryWaitMs(error: SdkError, attempt: number): number {
  const ceiling = Math.min(retryMaxMs, retryBaseMs * 2 ** Math.min(attempt, 20));
  return error.retryAfterMs ?? Math.round((ceiling / 2) * (1 + Math.random()));
}

/** Rejects with the reason of `signal` once it is aborted. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const leave = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(
      () => {
        signal?.removeEventListener('abort', leave);
        resolve();
      },
      timerMs(ms, 'ms'),
    );
    signal?.addEventListener('abort', leave, { once: true });
  });
}

function fill(path: string, values: object = {}): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = String((values as Record<string, unknown>)[name] ?? '');
    // These would name another path.
    if (['', '.', '..'].includes(value) || !value.isWellFormed()) {
      throw errorOf(`"${name}" must not be ${JSON.stringify(value)}.`, notSent);
    }
    return encodeURIComponent(value);
  });
  return filled.replace(/^\//, '');
}
