// One request to the service: what it is sent with, its time limit, and its answer or its error.
import { errorOf, notSent, RequestError, SdkError } from './errors.ts';

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

const defaultTimeoutMs = 30_000;
/** What a timer can wait for: 24.8 days. */
const timerMaxMs = 2 ** 31 - 1;

/** A time to wait as a timer takes it. Throws a RequestError for what is no time. */
export function timerMs(ms: number, name: string): number {
  if (!(ms >= 0)) throw errorOf(`"${name}" must be a number of milliseconds, and not ${ms}.`, notSent);
  return Math.min(Math.ceil(ms), timerMaxMs);
}

/** The address of the service as a folder: one with a path, such as that of a gateway, keeps it. Throws a RequestError. */
export function baseOf(url: string): string {
  const read = URL.canParse(url) ? new URL(url) : undefined;
  // `fetch` refuses it each time, and its error shows the password.
  if (read?.username || read?.password) {
    throw errorOf('"url" must hold no name and no password: the key goes by "apiKey".', notSent);
  }
  if (read === undefined || !['http:', 'https:'].includes(read.protocol)) {
    const shown = String(JSON.stringify(url)).replace(/[^"/]*@/, '[secret]@');
    const message = `"url" must be the service's address, such as https://verdicts.internal, and not ${shown}.`;
    throw errorOf(message, notSent);
  }
  return url.endsWith('/') ? url : `${url}/`;
}

/** Throws an SdkError for any answer but a good one, and what `signal` was aborted with. */
export async function send(
  sdk: SdkOptions,
  method: string,
  url: URL,
  {
    body,
    signal,
    idempotencyKey,
    timeoutMs = sdk.timeoutMs ?? defaultTimeoutMs,
  }: CallOptions & { body: unknown },
): Promise<unknown> {
  const timeOut = AbortSignal.timeout(timerMs(timeoutMs, 'timeoutMs'));
  const ending = signal === undefined ? timeOut : AbortSignal.any([signal, timeOut]);
  const apiKey = await orEnded(readKey(sdk), ending).catch((error: unknown) => {
    throw error === timeOut.reason ? noAnswer(`"apiKey" gave no key within ${timeoutMs} ms.`, error) : error;
  });
  const headers = headersOf(apiKey, { hasBody: body !== undefined, idempotencyKey });
  const text = body === undefined ? undefined : asJson(body);
  try {
    const response = await (sdk.fetch ?? fetch)(url, {
      method,
      headers,
      ...(text === undefined ? {} : { body: text }),
      // Followed, it would leave the key behind or carry it elsewhere, and make a question of a create.
      redirect: 'manual',
      signal: ending,
    });
    const answer = await response.text();
    if (response.ok) return readAnswer(response, answer, url);
    const location = response.headers.get('location');
    const isRedirect = response.status < 400 && location !== null && URL.canParse(location, url.href);
    throw isRedirect ? readRedirect(response, url, new URL(location, url.href)) : readError(response, answer);
  } catch (error) {
    if (error instanceof SdkError) throw error;
    signal?.throwIfAborted();
    const reason = timeOut.aborted ? ` within ${timeoutMs} ms` : reasonOf(error);
    throw noAnswer(`The service at ${url.origin} did not answer${reason}.`, error);
  }
}

function noAnswer(message: string, cause: unknown): SdkError {
  return errorOf(message, { status: null, code: 'no_answer', requestId: null, retryAfterMs: null, cause });
}

// What gives the key is the caller's, and knows of no signal.
function orEnded<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    if (signal.aborted) leave();
  });
}

/** The key as it is given by now. */
export async function giveKey({ apiKey }: SdkOptions): Promise<string> {
  return typeof apiKey === 'function' ? apiKey() : apiKey;
}

async function readKey(sdk: SdkOptions): Promise<string> {
  // What has no types hands over a variable that is not set.
  const key: unknown = await giveKey(sdk);
  if (typeof key !== 'string' || !/^[\x21-\x7e]+$/.test(key)) {
    const message = key
      ? 'The API key must be visible ASCII characters, without a space or a line end.'
      : 'There is no API key: "apiKey" gave none.';
    throw errorOf(message, { ...notSent, status: 401, code: 'unauthorized' });
  }
  return key;
}

function headersOf(
  key: string,
  { hasBody, idempotencyKey }: { hasBody: boolean; idempotencyKey: string | undefined },
): Record<string, string> {
  if (idempotencyKey !== undefined && !/^[\x21-\x7e]{1,255}$/.test(idempotencyKey)) {
    throw errorOf('"idempotencyKey" must be 1 to 255 visible ASCII characters.', notSent);
  }
  return {
    authorization: `Bearer ${key}`,
    accept: 'application/json',
    ...(hasBody ? { 'content-type': 'application/json' } : {}),
    ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
  };
}

function asJson(body: unknown): string {
  try {
    return JSON.stringify(body);
  } catch (cause) {
    throw errorOf(`The body cannot be written as JSON: ${(cause as Error).message}`, { ...notSent, cause });
  }
}

// `fetch` says "fetch failed", and why only in what caused it.
function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: { code?: string; message?: string } };
  const reason = cause?.code ?? cause?.message;
  return reason ? `: ${reason}` : '';
}

// A page of something that stands in front of the service, such as a login, is no answer of it.
function readAnswer({ status, headers }: Response, text: string, { origin }: URL): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Neither the rest of the address nor what the parser quotes: both may name a person.
    const message = `What answered at ${origin} is not the service: its answer is not JSON.`;
    const requestId = headers.get('x-request-id');
    throw new SdkError(message, { status, code: 'not_json', requestId, retryAfterMs: null });
  }
}

// One for good is what is wrong with "url"; any other may be a page of what is being mended.
function readRedirect({ status, headers }: Response, { origin }: URL, target: URL): SdkError {
  const where = target.origin === origin ? 'another path of its own' : target.origin;
  const message = `What answered at ${origin} redirects to ${where}, and no redirect is followed: "url" must be where the service is.`;
  const facts = { status, code: 'redirected', requestId: headers.get('x-request-id'), retryAfterMs: null };
  return new (status === 301 || status === 308 ? RequestError : SdkError)(message, facts);
}

function readError(response: Response, text: string): SdkError {
  const { status, headers } = response;
  const problem = readProblem(text);
  return errorOf(problem.detail ?? `The service answered ${status}.`, {
    status,
    code: problem.code ?? `http_${status}`,
    requestId: problem.request_id ?? headers.get('x-request-id'),
    retryAfterMs: readRetryAfter(headers),
  });
}

/** What `Retry-After` asks for, in seconds or until a time by the clock of who answers; null where that is nothing. */
function readRetryAfter(headers: Headers): number | null {
  const text = headers.get('retry-after') ?? '';
  if (/^\d+$/.test(text)) return Number(text) * 1_000 || null;
  // Only the form of a date: Date.parse makes a time of "-5" and of much else.
  if (!/^[A-Z][a-z]+, /.test(text)) return null;
  const theirs = Date.parse(headers.get('date') ?? '');
  const ms = Date.parse(text) - (Number.isNaN(theirs) ? Date.now() : theirs);
  return ms > 0 ? ms : null;
}

// What stands in front of the service may answer with anything.
function readProblem(text: string): { detail?: string; code?: string; request_id?: string } {
  try {
    const problem: object = JSON.parse(text) ?? {};
    return Object.fromEntries(Object.entries(problem).filter(([, value]) => typeof value === 'string'));
  } catch {
    return {};
  }
}
