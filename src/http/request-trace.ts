// The trace that a request under /v1 belongs to: the caller's, or one that begins here. It stands in the answer, in the log
// beside the request id, and in the calls to iLive that the request causes.
import type { IncomingMessage } from 'node:http';
import { continueTrace, type TraceContext } from '../trace-context.ts';

const traces = new WeakMap<IncomingMessage, TraceContext>();

/** The request's trace; always the same one. */
export function traceOf(req: IncomingMessage): TraceContext {
  const known = traces.get(req);
  if (known !== undefined) return known;
  const given = req.headers.traceparent;
  const trace = continueTrace(typeof given === 'string' ? given : undefined);
  traces.set(req, trace);
  return trace;
}

/** Its trace id; undefined for a request that has no trace, such as one outside of /v1. */
export function knownTraceIdOf(req: IncomingMessage): string | undefined {
  return traces.get(req)?.traceId;
}
