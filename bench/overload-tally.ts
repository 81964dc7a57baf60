// What a load that does not wait was told, and how long each answer took: from when it was due, which counts what the sender
// itself waited for a free connection, and from when it was sent.
import { quantile } from './statistics.ts';

export interface Times {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export function createTally() {
  const times: Record<'202' | '503', number[]> = { 202: [], 503: [] };
  const turnedAwaySinceSent: number[] = [];
  const others: Record<string, number> = {};
  let unsentCount = 0;
  return {
    note: (status: number, { dueAt, sentAt }: { readonly dueAt: number; readonly sentAt: number }) => {
      const at = performance.now();
      if (status === 503) turnedAwaySinceSent.push(at - sentAt);
      if (status === 202 || status === 503) times[status].push(at - dueAt);
      else others[status] = (others[status] ?? 0) + 1;
    },
    unsent: () => {
      unsentCount += 1;
    },
    result: () => ({
      accepted: timesOf(times[202]),
      turnedAway: timesOf(times[503]),
      turnedAwaySinceSent: timesOf(turnedAwaySinceSent),
      others,
      unsentCount,
    }),
  };
}

function timesOf(list: readonly number[]): Times {
  const sorted = Float64Array.from(list).sort();
  if (sorted.length === 0) return { count: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 };
  const maxMs = sorted.at(-1) ?? 0;
  return { count: sorted.length, p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99), maxMs };
}
