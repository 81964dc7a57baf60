// The measurements as a table that a person reads, and that can stand in the README as it is. Every figure is the median
// over the rounds with the lowest and the highest beside it; ratios are taken within a round, where both sides met the
// same machine, and only then summed up.
import type { Machine } from './machine.ts';
import type { Measurement } from './measure.ts';
import type { StartedService } from './start-service.ts';
import { type Spread, spreadOf } from './statistics.ts';

export interface Summary {
  readonly name: string;
  readonly title: string;
  readonly acknowledgedPerSecond: Spread;
  readonly ratio: Spread;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
}

export type Named = Pick<StartedService, 'name' | 'title'>;

export function summarize(
  contenders: readonly Named[],
  measurements: readonly Measurement[],
  ceiling: string,
): Summary[] {
  const ceilings = new Map(
    measurements
      .filter(({ contender }) => contender === ceiling)
      .map((measured) => [measured.round, measured.acknowledgedPerSecond]),
  );
  return contenders.map(({ name, title }) => {
    const own = measurements.filter(({ contender }) => contender === name);
    return {
      name,
      title,
      acknowledgedPerSecond: spreadOf(own.map((measured) => measured.acknowledgedPerSecond)),
      ratio: spreadOf(own.map(({ round, acknowledgedPerSecond: rate }) => rate / (ceilings.get(round) ?? 0))),
      p50Ms: spreadOf(own.map((measured) => measured.p50Ms)),
      p99Ms: spreadOf(own.map((measured) => measured.p99Ms)),
    };
  });
}

export const cpuColumns = [
  ['service', 'Cores: service'],
  ['postgres', 'Postgres'],
  ['redis', 'Redis'],
  ['load', 'load'],
  ['elsewhere', 'elsewhere'],
] as const;

export function writeMachine(machine: Machine): string {
  const { at, cores, cpu, memoryGiB, system, node, postgres, commit } = machine;
  return [
    `${at.slice(0, 16).replace('T', ' ')} UTC, commit ${commit}`,
    `${cores} cores, ${cpu}, ${memoryGiB} GiB, ${system}`,
    `Node ${node}, Postgres ${postgres}`,
  ].join('\n');
}

/** What a reader must know before trusting the figures; empty when all went well. */
export function writeTroubles(measurements: readonly Measurement[]): string {
  return measurements
    .flatMap(
      ({ contender, round, otherStatuses, errorCount, lateCount, drainSeconds, processedPerSecond }) => {
        const troubles = Object.entries(otherStatuses).map(([status, count]) => `${count} answers ${status}`);
        if (errorCount > 0) troubles.push(`${errorCount} connections broken or timed out`);
        if (lateCount > 0) troubles.push(`${lateCount} requests signed while the load ran`);
        if (processedPerSecond !== undefined && drainSeconds === undefined)
          troubles.push('it never caught up with processing');
        return troubles.length === 0 ? [] : [`  round ${round}, ${contender}: ${troubles.join(', ')}`];
      },
    )
    .join('\n');
}

export function writeSpread({ median, min, max }: Spread, digits: number): string {
  const [middle, low, high] = [median, min, max].map((value) => writeNumber(value, digits));
  return `${middle} (${low}–${high})`;
}

export function writeMedian(values: readonly (number | undefined)[], digits: number): string {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? '–' : writeNumber(spreadOf(known).median, digits);
}

export function writeNumber(value: number, digits: number): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function writeTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const pad = (row: readonly string[]) =>
    row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
  const rule = widths.map((width, column) =>
    column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  const [head = [], ...body] = rows.map(pad);
  return [head, rule, ...body].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
