// The benchmark of refusals as tables for a person and for the README: what was reached with storing on and off, where
// the time went, what the store came to hold against its limits, and whether the promises were kept.
import type { RefusalLimits } from '../src/db/refusals.ts';
import type { Measurement } from './measure.ts';
import type { FloodResult } from './refusals-load.ts';
import type { RefusalsOptions } from './refusals-options.ts';
import type { StoreSample } from './refusals-store.ts';
import {
  cpuColumns,
  type Named,
  type Summary,
  summarize,
  writeMedian,
  writeNumber,
  writeSpread,
  writeTable,
  writeTroubles,
} from './report.ts';
import { spreadOf } from './statistics.ts';

export type FloodMeasurement = Measurement & FloodResult & { readonly hasSettled: boolean };

export interface StoreOutcome {
  readonly contender: string;
  readonly most: StoreSample;
  readonly last: StoreSample;
  /** As the service counts them. */
  readonly droppedCount: number;
}

export interface FloodRun {
  readonly options: RefusalsOptions;
  readonly contenders: readonly Named[];
  readonly limits: RefusalLimits;
  readonly measurements: readonly FloodMeasurement[];
  readonly stores: readonly StoreOutcome[];
}

/** The contender that stores nothing, by which the other is divided. */
export const offName = 'off';
export const onName = 'on';

export function writeFlood(run: FloodRun): string {
  const { contenders, measurements, limits, stores } = run;
  const summaries = summarize(contenders, measurements, offName);
  const ofContender = (name: string) => measurements.filter(({ contender }) => contender === name);
  const reached = [
    ['Contender', 'Acknowledged/s', 'Of storing off', 'p50 ms', 'p99 ms', 'Refused/s'],
    ...summaries.map(({ name, title, acknowledgedPerSecond, ratio, p50Ms, p99Ms }) => [
      title,
      writeSpread(acknowledgedPerSecond, 0),
      writeSpread(ratio, 2),
      writeSpread(p50Ms, 1),
      writeSpread(p99Ms, 1),
      writeSpread(spreadOf(ofContender(name).map(refusedPerSecond)), 0),
    ]),
  ];
  const spent = [
    ['Contender', 'Round s', 'Commit ms', 'Processed/s', ...cpuColumns.map(([, title]) => title)],
    ...summaries.map(({ name, title }) => {
      const median = (of: (measured: FloodMeasurement) => number | undefined, digits: number) =>
        writeMedian(ofContender(name).map(of), digits);
      return [
        title,
        median(({ seconds }) => seconds, 1),
        median(({ commitMs }) => commitMs, 1),
        median(({ processedPerSecond }) => processedPerSecond, 0),
        ...cpuColumns.map(([share]) => median(({ cpu }) => cpu?.[share], 2)),
      ];
    }),
  ];
  return [writeTable(reached), writeTable(spent), writeTable(tabulateStores(stores, limits))].join('\n\n');
}

function tabulateStores(stores: readonly StoreOutcome[], limits: RefusalLimits): string[][] {
  return [
    ['Store', 'Kept at the end', 'Most', 'Limit', 'MB at the end', 'Most', 'Limit', 'MB on disk', 'Dropped'],
    ...stores.map(({ contender, most, last, droppedCount }) => [
      contender,
      writeNumber(last.count, 0),
      writeNumber(most.count, 0),
      contender === onName ? writeNumber(limits.maxCount, 0) : '0',
      megabytes(last.storedBytes),
      megabytes(most.storedBytes),
      contender === onName ? megabytes(limits.maxBytes) : '0',
      megabytes(most.diskBytes),
      writeNumber(droppedCount, 0),
    ]),
  ];
}

/** The ratio of each round, and whether their median keeps the promise. */
export function judgeRatio({ contenders, measurements, options }: FloodRun): {
  text: string;
  isKept: boolean;
} {
  const ratioOf = (measured: readonly FloodMeasurement[]) =>
    summarize(contenders, measured, offName).find(({ name }: Summary) => name === onName)?.ratio.median ?? 0;
  const median = ratioOf(measurements);
  const rounds = [...Map.groupBy(measurements, ({ round }) => round).values()].map(ratioOf);
  const isKept = median >= options.minRatio;
  const each = rounds.map((ratio) => ratio.toFixed(2)).join(', ');
  const verdict = isKept ? 'kept' : 'NOT KEPT';
  return {
    isKept,
    text: `Storing on, of storing off: ${each}; median ${median.toFixed(3)}, promised at least ${options.minRatio}: ${verdict}`,
  };
}

/** What a reader must know before trusting the figures, and what makes the run a failure; empty when all went well. */
export function writeFloodTroubles({ measurements, stores, limits }: FloodRun): string {
  const floods = measurements.flatMap(
    ({ contender, round, floodStatuses, floodErrorCount, refusedCount, hasSettled }) => {
      const troubles = Object.entries(floodStatuses).map(
        ([status, count]) => `${count} answers ${status} to the flood`,
      );
      if (floodErrorCount > 0) troubles.push(`${floodErrorCount} connections of the flood broken`);
      if (refusedCount === 0) troubles.push('nothing was refused');
      if (!hasSettled) troubles.push('it went on storing long after the flood');
      return troubles.length === 0 ? [] : [`  round ${round}, ${contender}: ${troubles.join(', ')}`];
    },
  );
  const passed = stores.flatMap(({ contender, most }) => {
    const allowed = contender === onName ? limits : { maxCount: 0, maxBytes: 0 };
    return [
      ...(most.count > allowed.maxCount ? [`  ${contender}: ${most.count} refusals were stored`] : []),
      ...(most.storedBytes > allowed.maxBytes ? [`  ${contender}: they took ${most.storedBytes} bytes`] : []),
    ];
  });
  return [writeTroubles(measurements), ...floods, ...passed].filter((text) => text !== '').join('\n');
}

export function refusedPerSecond({ refusedCount, seconds }: FloodMeasurement): number {
  return refusedCount / seconds;
}

function megabytes(bytes: number): string {
  return writeNumber(bytes / 1e6, 0);
}
