// What the benchmark of look-ups prints: a line for each case, and what was too slow.
import type { Look } from './look-ups-ask.ts';
import { quantile } from './statistics.ts';

export interface Timed extends Pick<Look, 'databaseMs' | 'roundTripMs'> {
  readonly query: string;
}

export interface Measurement {
  readonly list: string;
  readonly asked: string;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly maxMs: number;
  readonly roundTripP95Ms: number;
  /** The query that took longest. */
  readonly slowest: string;
}

export function summarize(list: string, asked: string, timed: readonly Timed[]): Measurement {
  const sorted = timed.toSorted((a, b) => a.databaseMs - b.databaseMs);
  const ms = sorted.map((one) => one.databaseMs);
  const roundTrips = timed.map((one) => one.roundTripMs).sort((a, b) => a - b);
  return {
    list,
    asked,
    p50Ms: quantile(ms, 0.5),
    p95Ms: quantile(ms, 0.95),
    maxMs: quantile(ms, 1),
    roundTripP95Ms: quantile(roundTrips, 0.95),
    slowest: sorted.at(-1)?.query ?? '',
  };
}

/** A table in Markdown: names to the left, numbers to the right. */
export function writeMeasurements(measurements: readonly Measurement[]): string {
  const head = ['List', 'Asked by', 'p50 ms', 'p95 ms', 'max ms', 'Round trip p95 ms'];
  const rows = measurements.map((one) => [
    one.list,
    one.asked,
    ...[one.p50Ms, one.p95Ms, one.maxMs, one.roundTripP95Ms].map((ms) => ms.toFixed(1)),
  ]);
  const widths = head.map((title, place) =>
    Math.max(title.length, ...rows.map((row) => row[place]?.length ?? 0)),
  );
  const isName = (place: number) => place < 2;
  const lineOf = (row: readonly string[]) => {
    const cells = row.map((cell, place) =>
      isName(place) ? cell.padEnd(widths[place] ?? 0) : cell.padStart(widths[place] ?? 0),
    );
    return `| ${cells.join(' | ')} |`;
  };
  const rule = widths.map((width, place) =>
    isName(place) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [lineOf(head), `| ${rule.join(' | ')} |`, ...rows.map(lineOf)].join('\n');
}
