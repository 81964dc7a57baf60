// How long to wait before the next try.

export interface Backoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** The wait before try `attempt` + 1 (from 0): doubling from `baseMs`, at most `maxMs`, spread over its upper half. */
export function backoffMs(attempt: number, { baseMs, maxMs }: Backoff): number {
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 30));
  return Math.round(ceiling / 2 + (ceiling / 2) * Math.random());
}
