// No request under /v1 is left without an answer: past its time it is told 503 and may come again. What it started is
// not undone; the database's own limits end that. A wait has its time on top, an action of operators a long time of its
// own, and a stream, whose answer has begun, none.
import type { Request, RequestHandler } from 'express';
import type { Log } from '../log.ts';
import { requestIdOf, sendProblem } from './error-response.ts';
import { traceOf } from './request-trace.ts';

export interface TimeLimits {
  readonly timeoutMs: number;
  /** What a request with `?wait=` may take besides. */
  readonly waitMaxMs: number;
}

// A hundred refusals that iLive is asked about one by one, or a dry run of thousands: told 503 in the middle, an operator
// would not know what has been done. And the audit is verified from its first entry on, however many have come to be.
const actionTimeoutMs = 300_000;
const retryAfterSeconds = 5;

const late = new WeakSet<Request>();

/** Answers 503 for a request that is not answered in time. */
export function createTimeLimit(limits: TimeLimits, log: Log): RequestHandler {
  return (req, res, next) => {
    const giveUp = () => {
      if (res.headersSent) return;
      late.add(req);
      const limitMs = limitOf(req, limits);
      const marks = { requestId: requestIdOf(req), traceId: traceOf(req).traceId };
      log.warn({ ...marks, limitMs }, 'a request was not answered in time');
      sendProblem(req, res, {
        status: 503,
        code: 'unavailable',
        detail: 'The answer took too long; try again, or ask for less, such as a shorter span of time.',
        headers: { 'retry-after': String(retryAfterSeconds) },
      });
    };
    const timer = setTimeout(giveUp, limitOf(req, limits));
    res.once('close', () => clearTimeout(timer));
    next();
  };
}

/** Whether the request was told that its time is over. */
export function hasTimedOut(req: Request): boolean {
  return late.has(req);
}

function limitOf(req: Request, { timeoutMs, waitMaxMs }: TimeLimits): number {
  const isAction = !['GET', 'HEAD'].includes(req.method) && /^\/v1\/ops\//i.test(req.originalUrl);
  if (isAction || /^\/v1\/ops\/audit\/verification\b/i.test(req.originalUrl))
    return Math.max(timeoutMs, actionTimeoutMs);
  return 'wait' in req.query ? timeoutMs + waitMaxMs : timeoutMs;
}
