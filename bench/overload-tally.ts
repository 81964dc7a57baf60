// What a load that does not wait was told, and how long each answer took: from when it was due, which counts what the sender
// itself waited for a free connection, and from when it was sent.
import { quantilesOf } from './statistics.ts';

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
  const { p50, p99, max } = quantilesOf(list) ?? { p50: 0, p99: 0, max: 0 };
  return { count: list.length, p50Ms: p50, p99Ms: p99, maxMs: max };
}
