// The benchmark's phases: live deliveries alone, live deliveries beside a replay, live deliveries alone once more; then a
// replay without any, in the middle of which the service is killed. A live delivery belongs to the replay when any part
// of its way lay within it, and to the time before or after when no part did.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Arrival } from './arrivals.ts';
import { type CpuReading, type CpuShares, readCpu, shareCpu } from './cpu-time.ts';
import { ourRows } from './our-rows.ts';
import { compareDumps, dumpTables, type TableDifference } from './replay-dump.ts';
import { type History, untilProcessed } from './replay-history.ts';
import type { ReplayOptions } from './replay-options.ts';
import { followReplay, handledCount, type ReplayAnswer, startReplay } from './replay-run.ts';
import type { Stage } from './stage.ts';
import { startArrivals } from './start-arrivals.ts';
import { nowMs } from './wall-clock.ts';

export interface Phase {
  readonly title: string;
  readonly deliveries: readonly Arrival[];
  readonly cpu: CpuShares | undefined;
}

export interface LiveOutcome {
  readonly before: Phase;
  readonly during: Phase;
  readonly after: Phase;
  readonly all: readonly Arrival[];
  readonly replay: ReplayAnswer;
  readonly replaySeconds: number;
  /** The rows of what was replayed, before the replay and after it. */
  readonly differences: readonly TableDifference[];
}

export interface CrashOutcome {
  readonly atKill: ReplayAnswer;
  readonly replay: ReplayAnswer;
  /** From the kill until the new service listened, until it went on with the replay, and until that was done. */
  readonly listeningSeconds: number;
  readonly goneOnSeconds: number;
  readonly doneSeconds: number;
  /** All rows of all the tables, before the replay and after it. */
  readonly differences: readonly TableDifference[];
}

export interface PhaseOptions {
  readonly options: ReplayOptions;
  readonly history: History;
  /** What was received before is replayed. */
  readonly to: Date;
  readonly signal: AbortSignal;
}

const warmUpMs = 3_000;
const replayDeadlineMs = 1_800_000;
const afterShare = 0.5;

interface Mark {
  readonly ms: number;
  readonly cpu: CpuReading | undefined;
}

/** Live deliveries before, during and after a replay. */
export async function runLivePhases(stage: Stage, phase: PhaseOptions): Promise<LiveOutcome> {
  const { options, history, to, signal } = phase;
  const rows = await dumpTables(stage.db, to);
  const { secret, databaseUrl } = stage;
  const { findNames } = ourRows;
  const even = { dialect: 'ilive', perSecond: options.rate, pace: 'even' } as const;
  const live = startArrivals(stage.address(), { secret, databaseUrl, findNames, ...even }, signal);
  try {
    await sleep(warmUpMs, undefined, { signal });
    const begun = mark();
    console.log(`Live deliveries alone for ${options.seconds} s …`);
    await sleep(options.seconds * 1_000, undefined, { signal });
    const asked = mark();
    console.log(`Live deliveries beside a replay of ${history.deliveryCount} …`);
    const { replay_id: id } = await startReplay(stage, to, history.deliveryCount);
    const limits = { deadlineMs: replayDeadlineMs, signal };
    await followReplay(stage, id, (replay) => handledCount(replay) > 0 || replay.state === 'done', limits);
    const started = mark();
    const replay = await followReplay(stage, id, ({ state }) => state === 'done', limits);
    const finished = mark();
    console.log('Live deliveries alone once more …');
    await sleep(options.seconds * afterShare * 1_000, undefined, { signal });
    const ended = mark();
    const all = await live.stop();
    await untilProcessed(stage, signal);
    const finishedMs = Math.min(finished.ms, Date.parse(replay.finished_at ?? '') || finished.ms);
    // A replay that was over at the first look ran somewhere between the asking and that.
    const startedMs = Math.min(started.ms, finishedMs);
    const select = (isIn: (dueMs: number, queryableMs: number) => boolean) =>
      all.filter(({ dueAtMs, queryableMs = Number.MAX_VALUE }) => isIn(dueAtMs, dueAtMs + queryableMs));
    const cpuBetween = (from: Mark, to: Mark) => {
      const who = { seconds: (to.ms - from.ms) / 1_000, servicePids: [stage.pid()], loadPid: live.pid };
      return shareCpu(from.cpu, to.cpu, who);
    };
    return {
      before: {
        title: 'before the replay',
        deliveries: select((due, queryable) => due >= begun.ms && queryable < asked.ms),
        cpu: cpuBetween(begun, asked),
      },
      during: {
        title: 'during the replay',
        deliveries: select((due, queryable) => due < finishedMs && queryable >= startedMs),
        cpu: cpuBetween(asked, finished),
      },
      after: {
        title: 'after the replay',
        deliveries: select((due) => due >= finished.ms && due < ended.ms),
        cpu: cpuBetween(finished, ended),
      },
      all,
      replay,
      replaySeconds: secondsOf(replay) ?? (finished.ms - asked.ms) / 1_000,
      differences: compareDumps(rows, await dumpTables(stage.db, to)),
    };
  } finally {
    live.leave();
  }
}

/** A replay whose service is killed in the middle, started anew, and left to go on by itself. */
export async function runCrashPhase(stage: Stage, phase: PhaseOptions): Promise<CrashOutcome> {
  const { options, history, to, signal } = phase;
  const rows = await dumpTables(stage.db);
  const limits = { deadlineMs: replayDeadlineMs, signal };
  console.log('A replay in the middle of which the service is killed …');
  const { replay_id: id, matching } = await startReplay(stage, to, history.deliveryCount);
  const isHalf = (replay: ReplayAnswer) => handledCount(replay) >= matching * options.killShare;
  const atKill = await followReplay(stage, id, isHalf, limits);
  const killedMs = performance.now();
  const sinceKill = () => (performance.now() - killedMs) / 1_000;
  await stage.killAndRestart();
  const listeningSeconds = sinceKill();
  const found = await followReplay(stage, id, () => true, limits);
  const hasGoneOn = (replay: ReplayAnswer) =>
    replay.state === 'done' || handledCount(replay) > handledCount(found);
  await followReplay(stage, id, hasGoneOn, limits);
  const goneOnSeconds = sinceKill();
  const replay = await followReplay(stage, id, ({ state }) => state === 'done', limits);
  const doneSeconds = sinceKill();
  const differences = compareDumps(rows, await dumpTables(stage.db));
  return { atKill, replay, listeningSeconds, goneOnSeconds, doneSeconds, differences };
}

function mark(): Mark {
  return { ms: nowMs(), cpu: readCpu() };
}

function secondsOf({ created_at: from, finished_at: to }: ReplayAnswer): number | undefined {
  return to === null ? undefined : (Date.parse(to) - Date.parse(from)) / 1_000;
}
