// What the scenarios have in common: a contender is started on a place of its own, looked at, and stopped; what went wrong
// is told beside the figures and never hidden in them.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Part } from './contenders/program.ts';
import type { Contender } from './line-up.ts';
import type { Playing } from './start-program.ts';
import type { Place } from './stores.ts';

export const scenarioNames = ['burst', 'sustained', 'queryable', 'drain', 'live'] as const;
export type ScenarioName = (typeof scenarioNames)[number];

export interface ScenarioOptions {
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly connections: number;
  /** Arrivals a second of the open loop. */
  readonly perSecond: number;
  readonly backlog: number;
  /** The longest that a backlog is waited for. */
  readonly limitSeconds: number;
}

export interface Outcome {
  readonly figures: Readonly<Record<string, number>>;
  /** What makes the figures worthless: wrong answers, lost deliveries. Empty when all went well. */
  readonly troubles: readonly string[];
}

export interface Measured extends Outcome {
  readonly scenario: ScenarioName;
  readonly contender: string;
  readonly round: number;
  readonly warnings: Readonly<Record<string, number>>;
}

/** One contender in one scenario, on an empty place. */
export type Scenario = (
  contender: Contender,
  place: Place,
  options: ScenarioOptions,
) => Promise<Outcome & Pick<Measured, 'warnings'>>;

const pollMs = 20;
/** What was under way when the load left is through by then. */
const settleSeconds = 5;

/** Runs a scenario on a place, and clears it. */
export async function onPlace<T>(opening: Promise<Place>, run: (place: Place) => Promise<T>): Promise<T> {
  const place = await opening;
  try {
    return await run(place);
  } finally {
    await place.clear();
  }
}

/** Runs `look` beside a contender that plays its part, and stops it. */
export async function beside<T extends Outcome>(
  starting: Promise<Playing>,
  look: (playing: Playing) => Promise<T>,
): Promise<T & Pick<Measured, 'warnings'>> {
  const playing = await starting;
  try {
    const outcome = await look(playing);
    return { ...outcome, warnings: playing.warnings() };
  } finally {
    await playing.stop();
  }
}

/** Resolves with true once it is so, with false when the time is over first. */
export async function untilSo(
  isSo: () => Promise<boolean>,
  seconds: number,
  signal: AbortSignal,
): Promise<boolean> {
  const deadlineMs = performance.now() + seconds * 1_000;
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) return false;
    await sleep(pollMs, undefined, { signal });
  }
  return true;
}

export interface Owed {
  readonly place: Place;
  readonly part: Part;
  /** Those that the load saw acknowledged. */
  readonly acknowledged: number;
  /** What was stored already before the first of them. */
  readonly storedBefore: number;
  /** By the contender's own count, which knows also of those whose answer the load did not stay for. */
  readonly countAccepted?: () => Promise<number>;
}

/** What became of the deliveries that were acknowledged in all; empty when every one is where it should be. */
export async function findLosses(contender: Contender, owed: Owed): Promise<string[]> {
  const { place, part, acknowledged, storedBefore } = owed;
  const { countStored, countProcessed } = contender;
  if (countStored === undefined) return [];
  let accepted = acknowledged;
  let stored = 0;
  const isSettled = async () => {
    accepted = Math.max(acknowledged, (await owed.countAccepted?.()) ?? 0);
    stored = (await countStored(place, part)) - storedBefore;
    return stored === accepted;
  };
  if (!(await untilSo(isSettled, settleSeconds, place.signal)))
    return [`${accepted} were accepted and ${stored} are stored`];
  if (part === 'receive') return [];
  const processed = ((await countProcessed?.(place)) ?? 0) - storedBefore;
  return processed === stored ? [] : [`of ${stored} that are stored ${processed} are processed`];
}
