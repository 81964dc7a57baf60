// The benchmark of refusals as tables for a person and for the README: what was reached with storing on and off, where
// the time went, what the store came to hold against its limits, and whether the promises were kept. Ratios are taken within
// a round, where both sides met the same machine, and only then summed up.
import type { RefusalLimits } from '../src/db/refusals.ts';
import { troublesOf } from './load-process.ts';
import type { Measurement } from './refusals-measure.ts';
import type { RefusalsOptions } from './refusals-options.ts';
import type { StoreSample } from './refusals-store.ts';
import { writeMedian, writeNumber, writeSpread, writeTable } from './report.ts';
import { type Spread, spreadOf } from './statistics.ts';

export interface FloodMeasurement extends Measurement {
  readonly contender: string;
  readonly round: number;
  readonly hasSettled: boolean;
}

export interface StoreOutcome {
  readonly contender: string;
  readonly most: StoreSample;
  readonly last: StoreSample;
  /** As the service counts them. */
  readonly droppedCount: number;
}

export interface FloodRun {
  readonly options: RefusalsOptions;
  readonly contenders: readonly { readonly name: string; readonly title: string }[];
  readonly limits: RefusalLimits;
  readonly measurements: readonly FloodMeasurement[];
  readonly stores: readonly StoreOutcome[];
}

/** The contender that stores nothing, by which the other is divided. */
export const offName = 'off';
export const onName = 'on';

const cpuColumns = [
  ['service', 'Cores: service'],
  ['postgres', 'Postgres'],
  ['redis', 'Redis'],
  ['load', 'load'],
  ['elsewhere', 'elsewhere'],
] as const;

export function writeFlood(run: FloodRun): string {
  const { measurements, limits, stores } = run;
  const contenders = run.contenders.map((one) => ({
    ...one,
    own: measurements.filter(({ contender }) => contender === one.name),
  }));
  const reached = [
    ['Contender', 'Acknowledged/s', 'Of storing off', 'p50 ms', 'p99 ms', 'Refused/s'],
    ...contenders.map(({ name, title, own }) => {
      const spread = (of: (measured: FloodMeasurement) => number, digits: number) =>
        writeSpread(spreadOf(own.map(of)), digits);
      return [
        title,
        spread(({ acknowledgedPerSecond }) => acknowledgedPerSecond, 0),
        writeSpread(ratioOf(name, measurements), 2),
        spread(({ p50Ms }) => p50Ms, 1),
        spread(({ p99Ms }) => p99Ms, 1),
        spread(refusedPerSecond, 0),
      ];
    }),
  ];
  const spent = [
    ['Contender', 'Round s', 'Commit ms', 'Processed/s', ...cpuColumns.map(([, title]) => title)],
    ...contenders.map(({ title, own }) => {
      const median = (of: (measured: FloodMeasurement) => number | undefined, digits: number) =>
        writeMedian(own.map(of), digits);
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

/** What was acknowledged, of what storing nothing reached in the same round. */
function ratioOf(name: string, measurements: readonly FloodMeasurement[]): Spread {
  const rateIn = (round: number) =>
    measurements.find((each) => each.contender === offName && each.round === round)?.acknowledgedPerSecond;
  const own = measurements.filter(({ contender }) => contender === name);
  return spreadOf(
    own.map(({ round, acknowledgedPerSecond }) => acknowledgedPerSecond / (rateIn(round) ?? 0)),
  );
}

/** The ratio of each round, and whether their median keeps the promise. */
export function judgeRatio({ measurements, options }: FloodRun): {
  text: string;
  isKept: boolean;
} {
  const medianOf = (measured: readonly FloodMeasurement[]) => ratioOf(onName, measured).median;
  const median = medianOf(measurements);
  const rounds = [...Map.groupBy(measurements, ({ round }) => round).values()].map(medianOf);
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
  const met = measurements.flatMap((measured) => {
    const { contender, round, floodStatuses, floodErrorCount, refusedCount } = measured;
    const troubles = [
      ...troublesOf(measured),
      ...Object.entries(floodStatuses).map(([status, count]) => `${count} answers ${status} to the flood`),
    ];
    if (floodErrorCount > 0) troubles.push(`${floodErrorCount} connections of the flood broken`);
    if (refusedCount === 0) troubles.push('nothing was refused');
    if (measured.drainSeconds === undefined) troubles.push('it never caught up with processing');
    if (!measured.hasSettled) troubles.push('it went on storing long after the flood');
    return troubles.length === 0 ? [] : [`  round ${round}, ${contender}: ${troubles.join(', ')}`];
  });
  const passed = stores.flatMap(({ contender, most }) => {
    const allowed = contender === onName ? limits : { maxCount: 0, maxBytes: 0 };
    return [
      ...(most.count > allowed.maxCount ? [`  ${contender}: ${most.count} refusals were stored`] : []),
      ...(most.storedBytes > allowed.maxBytes ? [`  ${contender}: they took ${most.storedBytes} bytes`] : []),
    ];
  });
  return [...met, ...passed].join('\n');
}

export function refusedPerSecond({ refusedCount, seconds }: FloodMeasurement): number {
  return refusedCount / seconds;
}

function megabytes(bytes: number): string {
  return writeNumber(bytes / 1e6, 0);
}
