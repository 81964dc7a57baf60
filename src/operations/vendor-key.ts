// Whether iLive takes our API key, as far as the calls of this process have shown: nothing is asked to find out. A key that is
// refused is an outage of its own, while iLive is well and reachable.
import { type Problem, problem, runbook } from './problem.ts';

export interface KeyRefusal {
  readonly operation: string;
  readonly code: string;
  readonly at: Date;
}

export interface VendorKey {
  /** Takes what a call has shown; `code` is null for one that succeeded. */
  note(
    call: { readonly operation: string; readonly code: string | null; readonly refused: string | null },
    at: Date,
  ): void;
  /** The last refusal of an operation that has not succeeded since. */
  lastRefusal(): KeyRefusal | null;
}

export function createVendorKey(): VendorKey {
  // By operation: one that goes by a session's token succeeds whatever the key is worth.
  const refusals = new Map<string, KeyRefusal>();
  return {
    note: ({ operation, code, refused }, at) => {
      if (code === null) refusals.delete(operation);
      else if (refused === 'key') refusals.set(operation, { operation, code, at });
    },
    lastRefusal: () => [...refusals.values()].sort((a, b) => b.at.getTime() - a.at.getTime())[0] ?? null,
  };
}

// Past it nobody has asked for that long, and it may have been mended at iLive.
const recentMs = 15 * 60_000;

/** What is wrong with the key; undefined where nothing is known to be. */
export function keyProblem(refusal: KeyRefusal | null, now: Date): Problem | undefined {
  const ageMs = refusal === null ? Number.POSITIVE_INFINITY : now.getTime() - refusal.at.getTime();
  if (refusal === null || ageMs > recentMs) return undefined;
  const age = `${Math.max(0, Math.round(ageMs / 1000))} s ago`;
  const message = `iLive refused our API key ${age} (${refusal.operation}, ${refusal.code}): no session can be created, or verdicts not be pulled.`;
  const advice = `Set an ILIVE_API_KEY that is valid at iLive, and restart every process. ${runbook('Asking iLive')}`;
  return problem('error', message, advice);
}
