// `npm run crash`: opens the lanes, has them make one round after the other until enough was struck, keeps what was done, and
// says at once what went wrong and how to have it again. It leaves nothing running and nothing on the disk but its state.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { instants } from './find-points.ts';
import { type Lane, openLane } from './lane.ts';
import { help, type Options, readOptions } from './options.ts';
import { packService } from './pack-service.ts';
import { writeReport } from './report.ts';
import { type RoundResult, runRound } from './round.ts';
import { openTally, readAllKept, type Tally, tallyName } from './tally.ts';
import { root } from './watched-files.ts';

const exitCodes = { right: 0, wrong: 1, usage: 2 } as const;
const shownDifferences = 12;

interface Run {
  readonly options: Options;
  readonly tally: Tally;
  readonly struckBefore: number;
  readonly startedMs: number;
  readonly commit: string;
  isStopped: boolean;
  failureCount: number;
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (typeof options === 'string') {
    console.log(options === 'help' ? help : `${options}\n${help}`);
    return options === 'help' ? exitCodes.right : exitCodes.usage;
  }
  const folder = mkdtempSync(path.join(os.tmpdir(), 'ilive-crash-'));
  try {
    const packed = await packService(folder);
    if (options.isListing) {
      console.log(packed.points.join('\n'));
      return exitCodes.right;
    }
    if (options.isReportOnly) {
      report(options, packed.points);
      return exitCodes.right;
    }
    const forced = findForced(packed.points, options.point);
    if (forced?.length === 0) {
      console.log(`There is no point "${options.point}"; --list shows them.`);
      return exitCodes.usage;
    }
    const tally = openTally(packed.points, path.resolve(options.stateFolder, tallyName), options.isResumed);
    const { strikesPerRound, troubles } = options;
    const shared = { packed, tally, options: { strikesPerRound, troubles, forced } };
    return await runLanes(options, shared);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function report({ reportFile, stateFolder }: Options, points: readonly string[]): void {
  if (reportFile === undefined) return;
  writeFileSync(reportFile, writeReport(readAllKept(path.resolve(stateFolder)), points));
}

function findForced(points: readonly string[], wanted: string | undefined): number[] | undefined {
  if (wanted === undefined) return undefined;
  return points.flatMap((name, point) =>
    instants.flatMap((instant, at) =>
      [name, `${name} ${instant}`].includes(wanted) ? [point * 3 + at] : [],
    ),
  );
}

async function runLanes(options: Options, shared: Parameters<typeof openLane>[1]): Promise<number> {
  const { tally, packed } = shared;
  const run: Run = {
    options,
    tally,
    struckBefore: tally.strikeCount(),
    startedMs: performance.now(),
    commit: readCommit(),
    isStopped: false,
    failureCount: 0,
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      run.isStopped = true;
      console.log('stopping after the rounds that are under way');
    });
  }
  const wanted = options.queues.flatMap((queue) =>
    Array.from({ length: options.lanesPerQueue }, () => queue),
  );
  const lanes: Lane[] = [];
  try {
    for (const queue of wanted) lanes.push(await openLane(queue, shared));
    const { firstSeed } = options;
    const seedOf = (index: number) => (firstSeed === undefined ? undefined : firstSeed + index);
    await Promise.all(lanes.map((lane, index) => runLane(lane, run, seedOf(index))));
  } finally {
    await Promise.all(lanes.map((lane) => lane.stop()));
    tally.addRun(run.commit, (performance.now() - run.startedMs) / 1_000);
    tally.save();
  }
  report(options, packed.points);
  console.log(`${tally.strikeCount() - run.struckBefore} kills in this run, ${tally.strikeCount()} in all`);
  return run.failureCount === 0 ? exitCodes.right : exitCodes.wrong;
}

async function runLane(lane: Lane, run: Run, firstSeed: number | undefined): Promise<void> {
  const { options, tally } = run;
  const secondsSoFar = () => (performance.now() - run.startedMs) / 1_000;
  for (let seed = firstSeed; !run.isStopped; seed = undefined) {
    if (tally.strikeCount() - run.struckBefore >= options.killCount) return;
    if (secondsSoFar() > options.maxSeconds) return;
    const ownSeed = seed ?? tally.takeSeed();
    const beganMs = performance.now();
    const result = await withinTime(runRound(lane, ownSeed)).catch(
      (error: unknown): RoundResult => ({
        seed: ownSeed,
        strikes: [],
        acknowledgedCount: 0,
        differences: [`the round broke off: ${(error as Error).stack ?? error}`],
      }),
    );
    tally.addRound(lane.queue, result.acknowledgedCount);
    const isRight = result.differences.length === 0;
    console.log(
      `${new Date().toISOString().slice(11, 19)} ${lane.queue.padEnd(8)} seed ${ownSeed}: ${result.strikes.length} kills, ` +
        `${result.acknowledgedCount} acknowledged, ${isRight ? 'all right' : 'WRONG'}, ` +
        `${((performance.now() - beganMs) / 1_000).toFixed(0)} s; ${tally.strikeCount()} in all`,
    );
    if (!isRight) reportFailure(lane, result, run);
    tally.save();
  }
}

const roundEndsMs = 420_000;

// A round that hangs must not keep the others waiting.
function withinTime(round: Promise<RoundResult>): Promise<RoundResult> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = setTimeout(
    () => reject(new Error(`it took longer than ${roundEndsMs / 1_000} s`)),
    roundEndsMs,
  );
  return Promise.race([round, promise]).finally(() => clearTimeout(late));
}

function reportFailure({ queue }: Lane, result: RoundResult, run: Run): void {
  const { options, tally } = run;
  const { seed, strikes, differences } = result;
  run.failureCount += 1;
  run.isStopped ||= !options.keepsGoing;
  tally.addFailure({ seed, queue, at: new Date().toISOString(), strikes, differences });
  const folder = path.resolve(options.stateFolder, 'failures');
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${queue}-${seed}.txt`);
  writeFileSync(file, `${[...strikes, '', ...differences].join('\n')}\n`);
  const last = strikes.at(-1);
  const [, point] = / at (.*), hit/.exec(last ?? '') ?? [];
  console.log(
    [
      `  seed ${seed} on ${queue} is not as it must be (all of it: ${file}):`,
      ...differences.slice(0, shownDifferences).map((difference) => `    ${difference.slice(0, 1_000)}`),
      '  what was done, in order:',
      ...strikes.map((strike) => `    ${strike}`),
      `  the same plan again: npm run crash -- --seed ${seed} --queue ${queue} --kills 1`,
      ...(point === undefined ? [] : [`  at the last point only: add --point '${point}'`]),
    ].join('\n'),
  );
}

function readCommit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  try {
    const isChanged = git('status', '--porcelain', 'src').length > 0;
    return `${git('rev-parse', '--short=12', 'HEAD')}${isChanged ? ' with changes' : ''}`;
  } catch {
    return 'unknown';
  }
}

main().then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    console.error(error);
    process.exit(exitCodes.wrong);
  },
);
