// One call to the service: its address, its time limit, its answer or its error, and trying again where that is harmless.
import { errorOf, RateLimitError, SdkError, UnavailableError } from './errors.ts';
import { type Operations, operations } from './schema.ts';

export type OperationName = keyof Operations & keyof typeof operations;

/** What an operation takes: `path`, `query` and `body`, as far as it has them. */
export type Asked<Name extends OperationName> = Omit<Operations[Name], 'answer'>;
export type Answer<Name extends OperationName> = Operations[Name]['answer'];
/** Operations that need nothing of what they take. */
export type UndemandingName = {
  [Name in OperationName]: Record<never, never> extends Asked<Name> ? Name : never;
}[OperationName];

export interface SdkOptions {
  /** Where the service is, such as `https://verdicts.internal`. */
  readonly url: string;
  /** A key of role `reader` is enough for all but what operators do. */
  readonly apiKey: string | (() => string | Promise<string>);
  /** Time for the answer to a call that does not wait; default 30 s. */
  readonly timeoutMs?: number;
  /** How often a call that may be repeated is tried again after trouble of the service's; default 3. */
  readonly maxRetries?: number;
  /** Called before each further try. */
  readonly onRetry?: (error: SdkError, waitMs: number) => void;
  /** Default: the global fetch. */
  readonly fetch?: typeof fetch;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** For `createSession`: with it the call is tried again too, and the service makes one session. Kept for a day. */
  readonly idempotencyKey?: string | undefined;
  readonly timeoutMs?: number | undefined;
  readonly maxRetries?: number | undefined;
}

const defaults = { timeoutMs: 30_000, maxRetries: 3 } as const;
const retryBaseMs = 250;
const retryMaxMs = 10_000;

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
  const url = new URL(fill(path, parts.path), withSlash(sdk.url));
  for (const [key, value] of Object.entries(parts.query ?? {})) {
    if (value !== undefined) url.searchParams.set(key, String(value));
  }
  const isOnce = name === 'createSession' && options.idempotencyKey !== undefined;
  const isRepeatable = method !== 'POST' || path.endsWith('/lookup') || isOnce;
  const maxRetries = isRepeatable ? (options.maxRetries ?? sdk.maxRetries ?? defaults.maxRetries) : 0;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return (await send(sdk, method, url, { ...options, body: parts.body })) as Answer<Name>;
    } catch (error) {
      if (!isPassing(error) || attempt >= maxRetries || options.signal?.aborted) throw error;
      const waitMs = retryWaitMs(error, attempt);
      sdk.onRetry?.(error, waitMs);
      await pause(waitMs, options.signal);
    }
  }
}

/** Whether the same call may succeed a little later. */
export function isPassing(error: unknown): error is SdkError {
  if (error instanceof UnavailableError || error instanceof RateLimitError) return true;
  // The very same call, cut off before, is still under way.
  return error instanceof SdkError && error.code === 'in_progress';
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
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', leave);
      resolve();
    }, ms);
    signal?.addEventListener('abort', leave, { once: true });
  });
}

async function send(
  sdk: SdkOptions,
  method: string,
  url: URL,
  {
    body,
    signal,
    idempotencyKey,
    timeoutMs = sdk.timeoutMs ?? defaults.timeoutMs,
  }: CallOptions & { body: unknown },
): Promise<unknown> {
  const key = typeof sdk.apiKey === 'string' ? sdk.apiKey : await sdk.apiKey();
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw errorOf('The API key must be visible ASCII characters.', {
      ...notSent,
      status: 401,
      code: 'unauthorized',
    });
  }
  const headers = {
    authorization: `Bearer ${key}`,
    accept: 'application/json',
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
  };
  const timeOut = AbortSignal.timeout(timeoutMs);
  try {
    const response = await (sdk.fetch ?? fetch)(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal === undefined ? timeOut : AbortSignal.any([signal, timeOut]),
    });
    const text = await response.text();
    if (response.ok) return readAnswer(response, text);
    throw readError(response, text);
  } catch (error) {
    if (error instanceof SdkError || signal?.aborted) throw error;
    throw errorOf(`The service at ${url.origin} did not answer.`, {
      status: null,
      code: 'no_answer',
      requestId: null,
      retryAfterMs: null,
      cause: error,
    });
  }
}

// A page of something that stands in front of the service, such as a login, is no answer of it.
function readAnswer(response: Response, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const message = `What answered at ${response.url} is not the service: its answer is not JSON.`;
    const requestId = response.headers.get('x-request-id');
    throw new SdkError(message, {
      status: response.status,
      code: 'not_json',
      requestId,
      retryAfterMs: null,
      cause,
    });
  }
}

function readError(response: Response, text: string): SdkError {
  const { status, headers } = response;
  const problem = readProblem(text);
  const retryAfter = headers.get('retry-after');
  return errorOf(problem.detail ?? `The service answered ${status}.`, {
    status,
    code: problem.code ?? `http_${status}`,
    requestId: problem.request_id ?? headers.get('x-request-id'),
    retryAfterMs: retryAfter !== null && /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1_000 : null,
  });
}

// What stands in front of the service may answer with anything.
function readProblem(text: string): { detail?: string; code?: string; request_id?: string } {
  try {
    const problem: unknown = JSON.parse(text);
    return typeof problem === 'object' && problem !== null ? problem : {};
  } catch {
    return {};
  }
}

function fill(path: string, values: object = {}): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = String((values as Record<string, unknown>)[name] ?? '');
    // These would name another path.
    if (['', '.', '..'].includes(value)) {
      throw errorOf(`"${name}" must not be "${value}".`, notSent);
    }
    return encodeURIComponent(value);
  });
  return filled.replace(/^\//, '');
}

const notSent = { status: 400, code: 'invalid_request', requestId: null, retryAfterMs: null } as const;

// An address with a path, such as that of a gateway, keeps it.
function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`;
}
