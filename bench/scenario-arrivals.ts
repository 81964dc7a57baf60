// Open loops: how long after it was due a delivery is acknowledged and can be queried, at a pace that a service lives at
// (`queryable`), and how much longer that takes while the same service works off a backlog (`live`).
import { setTimeout as sleep } from 'node:timers/promises';
import type { Arrival } from './arrivals.ts';
import type { Contender } from './line-up.ts';
import {
  beside,
  findLosses,
  type Kept,
  nothingKept,
  type Outcome,
  type Scenario,
  untilSo,
} from './scenario.ts';
import { startArrivals } from './start-arrivals.ts';
import type { Playing } from './start-program.ts';
import { quantilesOf } from './statistics.ts';
import type { Place } from './stores.ts';
import { nowMs } from './wall-clock.ts';

/** The least warm-up at this pace: a server that was just started has compiled little of itself after a few hundred requests. */
export const atEaseWarmUpSeconds = 6;
/** Between the end of a backlog and what counts as quiet: what still is under way gets out of the way. */
const settleSeconds = 1;

export const queryable: Scenario = (contender, place, options) =>
  beside(contender.start('whole', place), async (playing) => {
    const arrivals = arriveAt(contender, place, playing, options.perSecond);
    await pause(Math.max(options.warmUpSeconds, atEaseWarmUpSeconds), place);
    const fromMs = nowMs();
    await pause(options.seconds, place);
    const toMs = nowMs();
    const all = await arrivals.stop();
    const counted = between(all, fromMs, toMs);
    return {
      figures: {
        ...figuresOf(counted, 'ack', ({ acknowledgedMs }) => acknowledgedMs),
        ...figuresOf(counted, 'queryable', ({ queryableMs }) => queryableMs),
        perSecond: (counted.length * 1_000) / (toMs - fromMs),
      },
      troubles: await findTroubles(contender, place, all, nothingKept),
    };
  });

/** The backlog is there when the service starts, as after an outage; the deliveries arrive from the same moment on. */
export const live: Scenario = async (contender, place, options) => {
  await contender.fill?.(place, options.backlog);
  const filledAt = new Date().toISOString();
  return beside(contender.start('whole', place, options.backlog), async (playing) => {
    const arrivals = arriveAt(contender, place, playing, options.perSecond);
    const fromMs = nowMs();
    const isWorkedOff = async () => {
      const [owed] = await place.db.query({
        name: 'is-backlog-owed',
        text: `select from deliveries where state = 'received' and received_at <= $1 order by id limit 1`,
        values: [filledAt],
      });
      return owed === undefined;
    };
    const hasDone = await untilSo(isWorkedOff, options.limitSeconds, place.signal);
    const doneMs = nowMs();
    if (hasDone) await pause(settleSeconds, place);
    const quietFromMs = nowMs();
    if (hasDone) await pause(options.seconds, place);
    const all = await arrivals.stop();
    // From when the service is warm, as everywhere here: what it is before has nothing to do with a backlog.
    const besides = between(all, fromMs + atEaseWarmUpSeconds * 1_000, doneMs);
    const quiet = between(all, quietFromMs, nowMs());
    const figures: Record<string, number> = {
      ...figuresOf(besides, 'backlog', ({ queryableMs }) => queryableMs),
      ...figuresOf(besides, 'backlogAck', ({ acknowledgedMs }) => acknowledgedMs),
      ...figuresOf(quiet, 'quiet', ({ queryableMs }) => queryableMs),
      ...(hasDone ? { perSecond: (options.backlog * 1_000) / (doneMs - fromMs) } : {}),
    };
    const { backlogP99Ms, quietP99Ms } = figures;
    if (backlogP99Ms !== undefined && quietP99Ms !== undefined) figures.slowdown = backlogP99Ms / quietP99Ms;
    if (!hasDone) {
      const troubles = [`its backlog was not worked off within ${options.limitSeconds} s`];
      return { figures, troubles: [...troubles, ...wrongAnswers(all)] };
    }
    const backlog = { stored: options.backlog, processed: options.backlog, parked: 0 };
    return { figures, troubles: await findTroubles(contender, place, all, backlog) };
  });
};

/** What a contender is sent at random moments. */
export function arriveAt(
  { dialect, findNames = '' }: Contender,
  { databaseUrl, secret, signal }: Place,
  { address }: Playing,
  perSecond: number,
) {
  const job = { secret, dialect, perSecond, pace: 'random', databaseUrl, findNames } as const;
  return startArrivals(address, job, signal);
}

export async function findTroubles(
  contender: Contender,
  place: Place,
  all: readonly Arrival[],
  before: Kept,
): Promise<string[]> {
  const accepted = all.filter(({ status }) => status === 202);
  const names = accepted.map(({ name }) => name);
  const unseen = accepted.filter(({ queryableMs }) => queryableMs === undefined).length;
  return [
    ...wrongAnswers(all),
    ...(unseen === 0 ? [] : [`${unseen} of ${accepted.length} were never seen`]),
    ...(await findLosses(contender, { place, part: 'whole', names, before })),
  ];
}

function wrongAnswers(all: readonly Arrival[]): string[] {
  const wrong = all.filter(({ status }) => status !== 202).length;
  return wrong === 0 ? [] : [`${wrong} of ${all.length} were not answered with 202`];
}

export function between(all: readonly Arrival[], fromMs: number, toMs: number): Arrival[] {
  return all.filter(({ dueAtMs }) => dueAtMs >= fromMs && dueAtMs < toMs);
}

export function figuresOf(
  arrivals: readonly Arrival[],
  name: string,
  timeOf: (arrival: Arrival) => number | undefined,
): Outcome['figures'] {
  // An error is answered sooner than a delivery is stored.
  const times = quantilesOf(arrivals.filter(({ status }) => status === 202).map(timeOf));
  return times === undefined ? {} : { [`${name}P50Ms`]: times.p50, [`${name}P99Ms`]: times.p99 };
}

export function pause(seconds: number, { signal }: Place): Promise<void> {
  return sleep(seconds * 1_000, undefined, { signal });
}
