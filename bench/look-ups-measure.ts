// Asks every case of every list, and sums up how long the database took for each.
import type { Look, Looker, Query } from './look-ups-ask.ts';
import { type Case, casesOf, type List, lookUpMany } from './look-ups-cases.ts';
import { type Measurement, summarize, type Timed } from './look-ups-report.ts';

/** Each case `times` times, with other values each time: the first page and the one after it. */
export async function measureAll(
  looker: Looker,
  lists: readonly List[],
  times: number,
  signal: AbortSignal,
): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  for (const list of lists) {
    for (const [asked, caseOf] of casesOf(list)) {
      signal.throwIfAborted();
      measurements.push(summarize(list.name, asked, await measure(looker, list, caseOf, times)));
    }
  }
  const timed: Timed[] = [];
  for (let turn = 0; turn < times; turn += 1) {
    timed.push({ ...(await looker.run((db) => lookUpMany(db, turn))), query: '' });
  }
  return [...measurements, summarize('/v1/sessions/lookup', '500 ids', timed)];
}

async function measure(
  looker: Looker,
  { operation }: List,
  caseOf: Case,
  times: number,
): Promise<(Look & Timed)[]> {
  const timed: (Look & Timed)[] = [];
  const ask = async (query: Query) => {
    const { look, nextCursor } = await looker.ask(operation, query);
    timed.push({ ...look, query: new URLSearchParams(query).toString() });
    return nextCursor;
  };
  for (let turn = 0; turn < times; turn += 1) {
    const query = caseOf(turn);
    const cursor = await ask(query);
    if (cursor !== null) await ask({ ...query, cursor });
  }
  return timed;
}
