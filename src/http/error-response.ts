// Every error that leaves over HTTP, as RFC 9457 problem+json with a `code` and a `request_id`. One table says which
// status each code has. What nobody foresaw shows a fixed sentence: its message may quote what must not be shown.
import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { type ErrorCode, ServiceError } from '../errors.ts';
import type { Log } from '../log.ts';

export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The status of each code. */
export const statusOf: Readonly<Record<ErrorCode, number>> = {
  invalid_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  in_progress: 409,
  gone: 410,
  rate_limited: 429,
  unavailable: 503,
  overloaded: 503,
  internal: 500,
  config_invalid: 500,
  embedded_postgres_failed: 500,
  schema_mismatch: 500,
};

/** What each status is called; 413 as RFC 9110 has it, and Node not yet. */
export const titles: Readonly<Record<number, string | undefined>> = {
  ...STATUS_CODES,
  413: 'Content Too Large',
};

const defaultRetryAfterMs = 2_000;

/** A problem as its body. */
export function renderProblem({ status, code, detail }: Problem, requestId: string): string {
  const title = titles[status] ?? 'Error';
  return JSON.stringify({ type: 'about:blank', title, status, code, detail, request_id: requestId });
}

/** Writes `problem` as the answer; does nothing when an answer has begun already. */
export function sendProblem(req: IncomingMessage, res: ServerResponse, problem: Problem): void {
  if (res.headersSent) return;
  const body = renderProblem(problem, requestIdOf(req));
  res.writeHead(problem.status, {
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    'x-request-id': requestIdOf(req),
    ...problem.headers,
  });
  res.end(body);
}

/** What a request is found by in logs: ours, and those of whoever it passed through. */
export interface RequestMarks {
  readonly requestId: string;
  readonly traceId?: string | undefined;
}

/** The problem that an error is to a caller; what is our own fault is logged here, once. */
export function problemOf(error: unknown, log: Log, marks: RequestMarks): Problem {
  if (error instanceof ServiceError) {
    const status = statusOf[error.code];
    if (status >= 500) log.error({ err: error, ...marks }, 'a request failed');
    if (status === 500) return unforeseen;
    const retryAfterMs = error.retryAfterMs ?? defaultRetryAfterMs;
    return {
      status,
      code: error.code,
      detail:
        status === 503 && !error.isForCallers
          ? 'The service cannot answer this now; try again.'
          : error.message,
      ...(status === 503 || status === 429 || error.retryAfterMs !== undefined
        ? { headers: { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) } }
        : {}),
      ...(status === 401 ? { headers: { 'www-authenticate': 'Bearer realm="ilive-webhooks"' } } : {}),
    };
  }
  // Express marks what the client did wrong (a path that cannot be decoded) with a status below 500.
  const status = (error as { status?: unknown } | null)?.status;
  if (status === 400) return { status, code: 'invalid_request', detail: 'The path cannot be decoded.' };
  log.error({ err: error, ...marks }, 'a request failed in a way that nobody foresaw');
  return unforeseen;
}

const unforeseen: Problem = {
  status: 500,
  code: 'internal',
  detail: 'Something went wrong here; the log has it under this request_id.',
};

const requestIds = new WeakMap<IncomingMessage, string>();

/** The caller's `X-Request-Id` where it is a short plain word, else one of our own. */
export function requestIdOf(req: IncomingMessage): string {
  const known = requestIds.get(req);
  if (known !== undefined) return known;
  const given = req.headers['x-request-id'];
  const id = typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
  requestIds.set(req, id);
  return id;
}
