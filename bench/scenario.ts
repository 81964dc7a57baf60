// What the scenarios have in common: a contender is started on a place of its own, looked at, and stopped; what went wrong
// is told beside the figures and never hidden in them.
import { setTimeout as sleep } from 'node:timers/promises';
import { find } from './ask-rows.ts';
import type { Part } from './contenders/program.ts';
import type { Contender } from './line-up.ts';
import type { Playing } from './start-program.ts';
import type { Place } from './stores.ts';

export const scenarioNames = ['burst', 'sustained', 'queryable', 'drain', 'live'] as const;
export type ScenarioName = (typeof scenarioNames)[number];

export interface LoadOptions {
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** That the closed loops keep busy. */
  readonly connections: number;
}

export interface ScenarioOptions extends LoadOptions {
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

/** Whether its figures count: not those of a contender that answered wrongly, or lost something. */
export function isSound({ troubles }: Pick<Outcome, 'troubles'>): boolean {
  return troubles.length === 0;
}

export interface Measured extends Outcome {
  readonly scenario: ScenarioName;
  readonly contender: string;
  readonly round: number;
  readonly warnings: Readonly<Record<string, number>>;
}

/** One contender in one scenario, on an empty place. */
export type Scenario<Options = ScenarioOptions> = (
  contender: Contender,
  place: Place,
  options: Options,
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

/** What a place held before. */
export interface Kept {
  readonly stored: number;
  readonly processed: number;
  readonly parked: number;
}

export const nothingKept: Kept = { stored: 0, processed: 0, parked: 0 };

export async function countKept(contender: Contender, place: Place, part: Part): Promise<Kept> {
  return {
    stored: (await contender.countStored?.(place, part)) ?? 0,
    processed: part === 'receive' ? 0 : ((await contender.countProcessed?.(place)) ?? 0),
    parked: (await contender.countParked?.(place)) ?? 0,
  };
}

export interface Owed {
  readonly place: Place;
  readonly part: Part;
  /** The names of all that were acknowledged. */
  readonly names: readonly string[];
  readonly before: Kept;
  /** By the contender's own count, which knows also of those whose answer broke on its way. */
  readonly countAccepted?: () => Promise<number>;
}

/**
 * What became of the deliveries that were acknowledged in all; empty when every one is where it should be. They are counted
 * until as many are stored as were accepted, and then each is looked for by its name.
 */
export async function findLosses(contender: Contender, owed: Owed): Promise<string[]> {
  const { place, part, names, before } = owed;
  const { countStored } = contender;
  if (countStored === undefined) return [];
  let accepted = names.length;
  let stored = 0;
  const isSettled = async () => {
    accepted = Math.max(names.length, (await owed.countAccepted?.()) ?? 0);
    stored = (await countStored(place, part)) - before.stored;
    return stored === accepted;
  };
  const troubles: string[] = [];
  if (!(await untilSo(isSettled, settleSeconds, place.signal)))
    troubles.push(`${accepted} were accepted and ${stored} are stored`);
  troubles.push(...(await findMissing(contender, owed)));
  const kept = await countKept(contender, place, part);
  const parked = kept.parked - before.parked;
  if (parked > 0) troubles.push(`${parked} were put aside`);
  if (part === 'receive') return troubles;
  const processed = kept.processed - before.processed;
  if (processed !== stored) troubles.push(`of ${stored} that are stored ${processed} are processed`);
  return troubles;
}

async function findMissing(contender: Contender, { place, part, names }: Owed): Promise<string[]> {
  const { findStored, findNames } = contender;
  const missingFrom = (found: readonly string[]) => {
    const there = new Set(found);
    return names.filter((name) => !there.has(name)).length;
  };
  const unstored = findStored === undefined ? 0 : missingFrom(await findStored(place, part, names));
  const unseen =
    findNames === undefined || part === 'receive' ? 0 : missingFrom(await find(place, findNames, names));
  return [
    ...(unstored === 0 ? [] : [`${unstored} of ${names.length} that were acknowledged are not stored`]),
    ...(unseen === 0 ? [] : [`${unseen} of ${names.length} that were acknowledged cannot be queried`]),
  ];
}
