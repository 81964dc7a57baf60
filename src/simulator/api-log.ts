// What the pretend API was asked: every call with the time of both its ends, the session and the caller, so that a test
// can show that nobody asked twice at once and that a budget was kept. It holds no key and no token.
import type { Dialect, Operation } from './api-routes.ts';

export interface Call {
  /** The vendor's id of the call; the reference dialect names it in its refusals. */
  readonly requestId: string;
  readonly method: string;
  /** Without the query, which may hold a token. */
  readonly path: string;
  readonly dialect: Dialect | null;
  readonly operation: Operation | null;
  readonly sessionId: string | null;
  readonly userAgent: string;
  /** The name of the API key or of the session's token that it came with; null for neither. */
  readonly caller: string | null;
  /** Both by the vendor's clock. */
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** Counts both ends of all calls; by it two calls overlap even where the clock stands still. */
  readonly order: { readonly began: number; readonly ended: number };
  /** 0 where the connection was cut. */
  readonly status: number;
  /** The code of a refusal, or the state that a result told; null for everything else. */
  readonly code: string | null;
}

export interface CallLog {
  readonly calls: readonly Call[];
  /** Begins a call; the answer ends it. */
  begin(nowMs: number): (call: Omit<Call, 'startedAtMs' | 'order'>) => void;
}

export function createCallLog(): CallLog {
  const calls: Call[] = [];
  let steps = 0;
  return {
    calls,
    begin: (startedAtMs) => {
      steps += 1;
      const began = steps;
      return (call) => {
        steps += 1;
        calls.push({ ...call, startedAtMs, order: { began, ended: steps } });
      };
    },
  };
}

/** Pairs of calls of one operation about one session that were under way at the same moment. */
export function findOverlaps(calls: readonly Call[], operation: Operation): (readonly [Call, Call])[] {
  const ofOperation = calls.filter((call) => call.operation === operation && call.sessionId !== null);
  return [...Map.groupBy(ofOperation, (call) => call.sessionId).values()].flatMap((group) => {
    const ordered = group.sort((a, b) => a.order.began - b.order.began);
    return ordered.flatMap((call, index) =>
      ordered
        .slice(index + 1)
        .filter((later) => later.order.began < call.order.ended)
        .map((later) => [call, later] as const),
    );
  });
}
