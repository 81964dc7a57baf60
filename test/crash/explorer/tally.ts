// What was struck where, with what and how often, over all runs: the memory of the explorer, in one file, so that a run can be
// taken further. It also chooses where to strike next: where it was struck least.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { instants } from './find-points.ts';
import type { QueueName } from './stores.ts';
import type { TroubleName } from './troubles.ts';

export const tallyName = 'tally.json';

export interface Failure {
  readonly seed: number;
  readonly queue: QueueName;
  readonly at: string;
  /** The strikes of the round, in their order. */
  readonly strikes: readonly string[];
  readonly differences: readonly string[];
}

export interface Kept {
  /** `<queue> <trouble> <point> <instant>` → how often. */
  struck: Record<string, number>;
  /** `<queue> <point> <instant>` → hits, in all. */
  hits: Record<string, number>;
  rounds: Record<string, number>;
  /** Deliveries that were answered 202 and looked for. */
  acknowledged: Record<string, number>;
  nextSeed: number;
  seconds: number;
  commits: string[];
  failures: Failure[];
}

export interface Tally {
  readonly kept: Readonly<Kept>;
  takeSeed(): number;
  addStrike(queue: QueueName, trouble: TroubleName, instant: number): void;
  addHits(queue: QueueName, counts: Uint32Array): void;
  addRound(queue: QueueName, acknowledgedCount: number): void;
  addFailure(failure: Failure): void;
  addRun(commit: string, seconds: number): void;
  /**
   * Where nothing ever came by, and of the other points this share, those that were struck least with this trouble; of each
   * the instants that were struck least.
   */
  leastStruck(queue: QueueName, trouble: TroubleName, share: number): number[];
  /** All instants of the points that nothing ever struck. */
  neverStruck(queue: QueueName): number[];
  strikeCount(queue?: QueueName): number;
  save(): void;
}

const empty = (): Kept => ({
  struck: {},
  hits: {},
  rounds: {},
  acknowledged: {},
  nextSeed: 1,
  seconds: 0,
  commits: [],
  failures: [],
});

/** The sum of what is kept in `folder` and in the folders in it. */
export function readAllKept(folder: string): Kept {
  const sum = empty();
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => path.basename(name) === tallyName,
  );
  for (const file of files.sort()) {
    const kept: Kept = { ...empty(), ...JSON.parse(readFileSync(path.join(folder, file), 'utf8')) };
    for (const part of ['struck', 'hits', 'rounds', 'acknowledged'] as const) {
      for (const [key, count] of Object.entries(kept[part])) sum[part][key] = (sum[part][key] ?? 0) + count;
    }
    // Those that ran beside each other took no longer than the longest.
    sum.seconds = Math.max(sum.seconds, kept.seconds);
    sum.commits = [...new Set([...sum.commits, ...kept.commits])];
    sum.failures.push(...kept.failures);
  }
  return sum;
}

/** Reads what is kept in `file`, or begins anew; without a file nothing is kept. */
export function openTally(points: readonly string[], file: string | undefined, isResumed: boolean): Tally {
  const isThere = isResumed && file !== undefined && existsSync(file);
  const kept: Kept = isThere ? { ...empty(), ...JSON.parse(readFileSync(file, 'utf8')) } : empty();
  const nameOf = (instant: number) => `${points[Math.floor(instant / 3)]} ${instants[instant % 3]}`;
  const all = Array.from({ length: points.length * 3 }, (_, instant) => instant);
  const add = (record: Record<string, number>, key: string, count: number) => {
    record[key] = (record[key] ?? 0) + count;
  };
  const struckCount = (queue: QueueName, trouble: TroubleName, instant: number) =>
    kept.struck[`${queue} ${trouble} ${nameOf(instant)}`] ?? 0;
  const isReached = (queue: QueueName, instant: number) => {
    const name = nameOf(instant);
    return kept.hits[`${queue} ${name}`] !== undefined || (kept.struck[`${queue} kill ${name}`] ?? 0) > 0;
  };
  return {
    kept,
    takeSeed: () => kept.nextSeed++,
    addStrike: (queue, trouble, instant) => add(kept.struck, `${queue} ${trouble} ${nameOf(instant)}`, 1),
    addHits: (queue, counts) => {
      for (const [instant, count] of counts.entries()) {
        if (count > 0) add(kept.hits, `${queue} ${nameOf(instant)}`, count);
      }
    },
    addRound: (queue, count) => {
      add(kept.rounds, queue, 1);
      add(kept.acknowledged, queue, count);
    },
    addFailure: (failure) => kept.failures.push(failure),
    addRun: (commit, seconds) => {
      kept.seconds += seconds;
      if (!kept.commits.includes(commit)) kept.commits.push(commit);
    },
    // Whole points are evened out before their instants: three instants of one point are one place in the code.
    leastStruck: (queue, trouble, share) => {
      const ofPoint = points.map((_, point) =>
        instants.reduce((sum, _, at) => sum + struckCount(queue, trouble, point * 3 + at), 0),
      );
      const reached = all.filter((instant) => isReached(queue, instant));
      const counts = [...new Set(reached.map((instant) => Math.floor(instant / 3)))]
        .map((point) => ofPoint[point] ?? 0)
        .sort((a, b) => a - b);
      const most = counts[Math.min(counts.length - 1, Math.floor(counts.length * share))] ?? 0;
      return all.filter((instant) => {
        const point = Math.floor(instant / 3);
        if (!isReached(queue, instant)) return true;
        if ((ofPoint[point] ?? 0) > most) return false;
        const own = struckCount(queue, trouble, instant);
        const others = instants.map((_, at) => point * 3 + at).filter((each) => isReached(queue, each));
        return others.every((each) => own <= struckCount(queue, trouble, each));
      });
    },
    neverStruck: (queue) => {
      const struck = struckPoints(kept, queue);
      return all.filter((instant) => !struck.has(points[Math.floor(instant / 3)] ?? ''));
    },
    strikeCount: (queue) =>
      Object.entries(kept.struck).reduce(
        (sum, [key, count]) => (queue === undefined || key.startsWith(`${queue} `) ? sum + count : sum),
        0,
      ),
    save: () => {
      if (file === undefined) return;
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(`${file}.new`, JSON.stringify(kept, null, 1));
      renameSync(`${file}.new`, file);
    },
  };
}

function struckPoints({ struck }: Kept, wanted: QueueName): Set<string> {
  const keys = Object.keys(struck).map((key) => key.split(' '));
  return new Set(keys.flatMap(([queue, , file, within]) => (queue === wanted ? [`${file} ${within}`] : [])));
}
