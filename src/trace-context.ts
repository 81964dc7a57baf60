// A request's place in a trace of many services, as W3C Trace Context writes it (`traceparent`). It only carries a trace
// on: nothing is recorded or sampled here, and a header that is malformed is as good as none, never an error.
import { randomBytes } from 'node:crypto';

export interface TraceContext {
  /** 32 hex digits; the same in every service that the trace passes through. */
  readonly traceId: string;
  /** 16 hex digits: our own part of it. */
  readonly spanId: string;
  /** Two hex digits: whether the first caller has the trace recorded is passed on as it came. */
  readonly flags: string;
}

const notRecorded = '00';
// Sampled (Level 1) and random (Level 2); bits that nobody has given a meaning are not passed on.
const knownFlags = 0b11;
// Version ff is forbidden; later versions may say more behind the flags, which we leave away.
const form = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?$/;

/** The trace id of a `traceparent`; undefined for one that is malformed. */
export function readTraceId(traceparent: string | undefined): string | undefined {
  return read(traceparent)?.traceId;
}

/** Goes on with the trace of a caller's `traceparent`, or begins one. */
export function continueTrace(traceparent: string | undefined): TraceContext {
  const spanId = randomHex(8);
  return { ...(read(traceparent) ?? { traceId: randomHex(16), flags: notRecorded }), spanId };
}

/** For whoever is called next, and for the answer's `traceresponse`. */
export function writeTrace({ traceId, spanId, flags }: TraceContext): string {
  return `00-${traceId}-${spanId}-${flags}`;
}

function read(traceparent: string | undefined): { traceId: string; flags: string } | undefined {
  const [, version, traceId, flags, more] = form.exec(traceparent ?? '') ?? [];
  if (traceId === undefined || flags === undefined) return undefined;
  if (version === '00' && more !== undefined) return undefined;
  return { traceId, flags: (Number.parseInt(flags, 16) & knownFlags).toString(16).padStart(2, '0') };
}

// Zeros alone would mean "no trace".
function randomHex(bytes: number): string {
  const text = randomBytes(bytes).toString('hex');
  return /^0+$/.test(text) ? randomHex(bytes) : text;
}
