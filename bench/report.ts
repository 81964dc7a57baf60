// How the benchmarks tell what they measured: figures, tables that a person reads and that can stand in the README as they
// are, and what the service warned of meanwhile.
import type { Machine } from './machine.ts';
import { type Spread, spreadOf, sumUp } from './statistics.ts';

export function writeMachine(machine: Machine): string {
  const { at, cores, cpu, memoryGiB, system, node, postgres, commit } = machine;
  return [
    `${at.slice(0, 16).replace('T', ' ')} UTC, commit ${commit}`,
    `${cores} cores, ${cpu}, ${memoryGiB} GiB, ${system}`,
    `Node ${node}, Postgres ${postgres}`,
  ].join('\n');
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

/** Prints what somebody warned of, by message, summed up over `counts`. */
export function tellWarnings(who: string, counts: readonly Readonly<Record<string, number>>[]): void {
  for (const [message, count] of Object.entries(sumUp(counts)))
    console.log(`  ${who} warned: ${message} (${count})`);
}
