// Pages of other origins may call the API only where an operator has named them, each exactly. Never with cookies: the
// API knows none, and a key stands in a header that a page has to set on purpose.
import cors from 'cors';
import type { RequestHandler } from 'express';

const preflightKeptSeconds = 600;

const exposedHeaders = [
  'ETag',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'traceresponse',
  'X-Request-Id',
];

const allowedHeaders = [
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'If-None-Match',
  'Last-Event-ID',
  'traceparent',
  'tracestate',
  'X-Request-Id',
];

/** Answers preflights, and marks answers for pages of `origins`. */
export function createCrossOrigin(origins: readonly string[]): RequestHandler {
  return cors({
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT'],
    allowedHeaders,
    exposedHeaders,
    maxAge: preflightKeptSeconds,
  });
}
