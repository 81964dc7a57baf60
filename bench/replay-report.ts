// The benchmark of replays as tables for a person and for the README: live deliveries with and without a replay, what
// became of the replays, whether any row was changed, and whether the promises were kept.
import type { CpuShares } from './cpu-time.ts';
import type { TableDifference } from './replay-dump.ts';
import type { History } from './replay-history.ts';
import type { ReplayOptions } from './replay-options.ts';
import type { CrashOutcome, LiveOutcome, Phase } from './replay-phases.ts';
import { handledCount, type ReplayAnswer } from './replay-run.ts';
import { writeNumber, writeTable } from './report.ts';
import { type Quantiles, quantilesOf } from './statistics.ts';

export interface ReplayRun {
  readonly options: ReplayOptions;
  readonly history: History;
  readonly live: LiveOutcome;
  readonly crash: CrashOutcome;
}

export interface PhaseFigures {
  readonly title: string;
  readonly count: number;
  /** From when it was due to the 202; undefined where nothing was sent. */
  readonly acknowledged: Quantiles | undefined;
  /** From the 202 to the session's row. */
  readonly queryable: Quantiles | undefined;
  readonly cpu: CpuShares | undefined;
}

const unknown = '–';

export function readPhase({ title, deliveries, cpu }: Phase): PhaseFigures {
  const known = deliveries.filter(({ queryableMs }) => queryableMs !== undefined);
  return {
    title,
    count: deliveries.length,
    acknowledged: quantilesOf(known.map(({ acknowledgedMs }) => acknowledgedMs)),
    // A session may be seen before its 202 has come back.
    queryable: quantilesOf(
      known.map(
        ({ acknowledgedMs, queryableMs }) =>
          acknowledgedMs && queryableMs && Math.max(0, queryableMs - acknowledgedMs),
      ),
    ),
    cpu,
  };
}

export function writeReplays({ live, crash, history }: ReplayRun): string {
  const phases = [live.before, live.during, live.after].map(readPhase);
  const rows = [
    [
      'Live deliveries',
      'Count',
      'Acknowledged p50 ms',
      'p99 ms',
      'Queryable p50 ms',
      'p99 ms',
      'max ms',
      'Cores: service',
      'Postgres',
      'elsewhere',
    ],
    ...phases.map(({ title, count, acknowledged, queryable, cpu }) => [
      title,
      writeNumber(count, 0),
      ...[acknowledged?.p50, acknowledged?.p99, queryable?.p50, queryable?.p99, queryable?.max].map((ms) =>
        ms === undefined ? unknown : writeNumber(ms, 1),
      ),
      ...[cpu?.service, cpu?.postgres, cpu?.elsewhere].map((cores) =>
        cores === undefined ? unknown : writeNumber(cores, 2),
      ),
    ]),
  ];
  const kinds = history.kinds.map(({ state, what, count }) => `  ${state}: ${what} (${count})`);
  return [
    writeTable(rows),
    writeTable(tabulateReplays(live, crash)),
    writeTable(tabulateRows(live, crash)),
    `What was replayed, made in ${history.seconds.toFixed(0)} s:\n${kinds.join('\n')}`,
  ].join('\n\n');
}

function tabulateReplays(live: LiveOutcome, crash: CrashOutcome): string[][] {
  const count = (value: number) => writeNumber(value, 0);
  const { atKill, listeningSeconds, goneOnSeconds, doneSeconds } = crash;
  return [
    ['Replay', 'Matching', 'Replayed', 'Failed', 'Changes', 'Replayed/s', 'What happened'],
    [
      'beside live deliveries',
      count(live.replay.matching),
      count(live.replay.replayed),
      count(live.replay.failed),
      count(changeCount(live.replay)),
      count(handledCount(live.replay) / Math.max(live.replaySeconds, 0.001)),
      `done in ${live.replaySeconds.toFixed(1)} s`,
    ],
    [
      'service killed',
      count(crash.replay.matching),
      count(crash.replay.replayed),
      count(crash.replay.failed),
      count(changeCount(crash.replay)),
      unknown,
      `killed at ${count(handledCount(atKill))}; after the kill it listened in ${listeningSeconds.toFixed(1)} s, ` +
        `went on in ${goneOnSeconds.toFixed(1)} s, was done in ${doneSeconds.toFixed(1)} s`,
    ],
  ];
}

function tabulateRows(live: LiveOutcome, crash: CrashOutcome): string[][] {
  const differences = [
    ...live.differences.map((difference) => ['beside live deliveries', difference] as const),
    ...crash.differences.map((difference) => ['service killed', difference] as const),
  ];
  return [
    ['Replay', 'Table', 'Rows', 'Changed', 'Added', 'Removed'],
    ...differences.map(([replay, { table, rowCount, changed, added, removed }]) => [
      replay,
      table,
      ...[rowCount, changed, added, removed].map((value) => writeNumber(value, 0)),
    ]),
  ];
}

/** How much slower live deliveries became, and whether that keeps the promise. */
export function judgeSlowdown({ live, options }: ReplayRun): { text: string; isKept: boolean } {
  const [before, during] = [readPhase(live.before).queryable, readPhase(live.during).queryable];
  if (before === undefined || during === undefined) {
    return { isKept: false, text: 'No live delivery was seen before or during the replay.' };
  }
  const ratio = during.p99 / before.p99;
  const isKept = ratio <= options.maxRatio;
  const p50 = (during.p50 / before.p50).toFixed(2);
  const verdict = isKept ? 'kept' : 'NOT KEPT';
  return {
    isKept,
    text: `Queryable during the replay, of before it: p50 ${p50}, p99 ${ratio.toFixed(2)}, promised at most ${options.maxRatio}: ${verdict}`,
  };
}

/** What makes the run a failure, and what a reader must know; empty when all went well. */
export function findTroubles({ live, crash, history, options }: ReplayRun): string[] {
  const statuses = Map.groupBy(live.all, ({ status }) => status ?? 0);
  const answered = [...statuses].flatMap(([status, { length }]) =>
    status === 202 ? [] : [`${length} live deliveries were answered with ${status}`],
  );
  const lost = live.all.filter(({ status, queryableMs }) => status === 202 && queryableMs === undefined);
  return [
    ...answered,
    ...(lost.length > 0 ? [`${lost.length} live deliveries were acknowledged and never queryable`] : []),
    ...findReplayTroubles('beside live deliveries', live.replay, history, live.differences),
    ...(crash.atKill.state === 'done' ? ['the replay was over before the service could be killed'] : []),
    ...findReplayTroubles('service killed', crash.replay, history, crash.differences),
    ...(live.during.deliveries.length < options.rate ? ['hardly any live delivery met the replay'] : []),
  ];
}

function findReplayTroubles(
  name: string,
  replay: ReplayAnswer,
  { deliveryCount }: History,
  differences: readonly TableDifference[],
): string[] {
  const { matching, replayed, failed } = replay;
  const changes = changeCount(replay);
  const rows = differences
    .filter(({ isSame }) => !isSame)
    .map(
      ({ table, changed, added, removed, examples }) =>
        `${table} has ${changed} rows changed, ${added} added, ${removed} removed, such as ${examples.join(' and ')}`,
    );
  return [
    ...(matching === deliveryCount ? [] : [`${matching} deliveries matched, not ${deliveryCount}`]),
    ...(replayed + failed === matching
      ? []
      : [`${replayed} replayed + ${failed} failed are not ${matching}`]),
    ...(failed === 0 ? [] : [`${failed} could not be replayed: ${replay.detail}`]),
    ...(changes === 0 ? [] : [`it says that it changed ${changes} rows`]),
    ...rows,
  ].map((text) => `${name}: ${text}`);
}

function changeCount({ changes }: ReplayAnswer): number {
  return Object.values(changes).reduce((sum, { created, updated }) => sum + created + updated, 0);
}
