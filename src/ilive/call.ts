// One HTTP exchange with iLive, bounded in time and size. It knows no operation and no retry; it turns a request into a
// whole answer, or throws one of the errors of `errors.ts`. The URL may hold a session token, so what the network
// stack throws, which may name the URL, is never handed on: only its short code and cleaned message are.
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import { CancelledError, ResponseError, VendorUnavailableError } from './errors.ts';
import { type Answer, clean } from './errors-read.ts';

export interface Exchange {
  readonly operation: string;
  readonly url: URL;
  readonly init: { method: string; headers: Record<string, string>; body?: string | FormData };
  /** What may appear in no error. */
  readonly secrets: readonly string[];
  readonly maxAnswerBytes: number;
}

export interface Limits {
  readonly connectTimeoutMs: number;
  /** From the start of the exchange to the last byte of its answer. */
  readonly responseTimeoutMs: number;
}

/** Makes the exchange; `signal` is the caller's own. */
export async function call(exchange: Exchange, limits: Limits, signal?: AbortSignal): Promise<Answer> {
  const { operation, url, init } = exchange;
  if (signal?.aborted) throw cancelled(operation);
  listenForConnections();
  const watch = startWatch(limits);
  const signals = signal === undefined ? [watch.signal] : [watch.signal, signal];
  try {
    // Redirects are not followed: they would carry the key to wherever the answer says.
    const request = { ...init, redirect: 'manual', signal: AbortSignal.any(signals) } as const;
    const response = await exchanges.run(watch, () => fetch(url, request));
    const body = await readBounded(response, exchange);
    return { status: response.status, headers: response.headers, body };
  } catch (error) {
    if (error instanceof ResponseError) throw error;
    if (signal?.aborted) throw cancelled(operation);
    throw describeTrouble(exchange, watch.expired, error);
  } finally {
    watch.stop();
  }
}

/** The error for a call that its caller has given up. */
export function cancelled(operation: string): CancelledError {
  return new CancelledError(`The caller cancelled ${operation}`, { code: 'cancelled' });
}

interface Watch {
  readonly signal: AbortSignal;
  /** Why the signal was aborted, in words. */
  readonly expired: string | undefined;
  /** The request was handed to a connection that may not stand yet. */
  startConnecting(): void;
  connected(): void;
  stop(): void;
}

function startWatch({ connectTimeoutMs, responseTimeoutMs }: Limits): Watch {
  const controller = new AbortController();
  let expired: string | undefined;
  let connecting: NodeJS.Timeout | undefined;
  const expire = (reason: string) => () => {
    expired ??= reason;
    controller.abort();
  };
  const answering = setTimeout(expire(`no whole answer within ${responseTimeoutMs} ms`), responseTimeoutMs);
  return {
    signal: controller.signal,
    get expired() {
      return expired;
    },
    startConnecting() {
      connecting ??= setTimeout(expire(`no connection within ${connectTimeoutMs} ms`), connectTimeoutMs);
    },
    connected: () => clearTimeout(connecting),
    stop() {
      clearTimeout(connecting);
      clearTimeout(answering);
    },
  };
}

// `fetch` has no word for "connected", but the client under it tells of each request that it takes on and of the
// moment in which its first bytes leave on a standing connection. Where it tells nothing, only the whole is timed.
const exchanges = new AsyncLocalStorage<Watch>();
const watches = new WeakMap<object, Watch>();
let isListening = false;

function listenForConnections(): void {
  if (isListening) return;
  isListening = true;
  subscribe('undici:request:create', (message) => {
    const watch = exchanges.getStore();
    const { request } = message as { request?: object };
    if (watch === undefined || request === undefined) return;
    watches.set(request, watch);
    watch.startConnecting();
  });
  subscribe('undici:client:sendHeaders', (message) => {
    const { request } = message as { request?: object };
    if (request !== undefined) watches.get(request)?.connected();
  });
}

async function readBounded(response: Response, { operation, maxAnswerBytes }: Exchange): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  // Leaving the loop early cancels the rest of the body, and with it the connection.
  for await (const chunk of response.body ?? []) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxAnswerBytes) {
      throw new ResponseError(`iLive's answer to ${operation} is larger than ${maxAnswerBytes} bytes`, {
        status: response.status,
        code: 'answer_too_large',
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, sizeBytes);
}

function describeTrouble(
  { operation, secrets }: Exchange,
  expired: string | undefined,
  error: unknown,
): VendorUnavailableError {
  if (expired !== undefined) {
    return new VendorUnavailableError(`iLive gave ${expired} to ${operation}`, { code: 'timeout' });
  }
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const said = cause instanceof Error ? cause.message || cause.name : String(cause);
  const code = networkCodeOf(error);
  const reason = said.includes(code) ? said : `${code}, ${said}`;
  const message = `No connection to iLive for ${operation}: ${clean(reason, secrets)}`;
  return new VendorUnavailableError(message, { code: 'connection_failed' });
}

/** The short code of what the network stack threw, such as `ENOTFOUND` or `CERT_HAS_EXPIRED`; never an address. */
export function networkCodeOf(error: unknown): string {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (each.name === 'TimeoutError') return 'timeout';
    // Where a name has several addresses and none answers.
    const inner = each instanceof AggregateError ? each.errors[0] : undefined;
    const code = (inner as { code?: unknown } | undefined)?.code ?? (each as { code?: unknown }).code;
    if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,60}$/.test(code)) return code;
  }
  return 'connection_failed';
}
