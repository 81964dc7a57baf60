// Tries a call again where that is safe and can help: a 429 always, since it was not executed, and the vendor's trouble
// only for calls that change nothing. Waits as the vendor documents it, or as long as an answer asks for where that is
// longer; a wait that no caller would sit through is handed to the caller instead, inside the error.
import { cancelled } from './call.ts';
import { RateLimitError, VendorUnavailableError } from './errors.ts';
import type { RateBudget } from './rate-limit.ts';

export interface RetryOptions {
  readonly operation: string;
  /** Whether making the call twice is the same as making it once. */
  readonly isIdempotent: boolean;
  readonly maxRetries: number;
  readonly budget: RateBudget;
  readonly wait: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal | undefined;
}

// Documented: 1 s ± 250 ms, doubled each time, at most 30 s, given up after 5 retries.
const firstWaitMs = 1_000;
const jitterMs = 250;
const maxWaitMs = 30_000;
export const documentedRetries = 5;

/** A wait that an answer asks for is sat through up to here; a longer one ends the call. */
export const longestRetryAfterMs = 60_000;

/** Runs `attempt` until it succeeds, its error is none that another try could mend, or the retries are spent. */
export async function withRetries<T>(options: RetryOptions, attempt: () => Promise<T>): Promise<T> {
  const { operation, isIdempotent, maxRetries, budget, wait, signal } = options;
  for (let retries = 0; ; retries += 1) {
    try {
      return await attempt();
    } catch (error) {
      const isLimited = error instanceof RateLimitError;
      const isTrouble = error instanceof VendorUnavailableError && error.code !== 'circuit_open';
      if (!isLimited && !(isTrouble && isIdempotent)) throw error;
      const askedMs = error.retryAfterMs ?? 0;
      const waitMs = Math.max(retryWaitMs(retries), askedMs);
      if (isLimited) budget.block(waitMs);
      if (retries >= maxRetries || askedMs > longestRetryAfterMs) throw error;
      await wait(waitMs, signal).catch((reason: unknown) => {
        throw signal?.aborted ? cancelled(operation) : reason;
      });
    }
  }
}

/** The wait before retry `retries` + 1 (from 0), in milliseconds. */
export function retryWaitMs(retries: number, random: number = Math.random()): number {
  const doubledMs = firstWaitMs * 2 ** Math.min(retries, 30);
  return Math.min(maxWaitMs, Math.round(doubledMs + jitterMs * (2 * random - 1)));
}
