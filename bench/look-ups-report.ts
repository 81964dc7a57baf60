// What the benchmark of look-ups prints: a line for each case, and what was too slow.
import type { Look } from './look-ups-ask.ts';
import { writeNumber, writeTable } from './report.ts';
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

export function writeMeasurements(measurements: readonly Measurement[]): string {
  const rows = measurements.map(({ list, asked, p50Ms, p95Ms, maxMs, roundTripP95Ms }) => [
    `${list} by ${asked}`,
    ...[p50Ms, p95Ms, maxMs, roundTripP95Ms].map((ms) => writeNumber(ms, 1)),
  ]);
  return writeTable([['List and filter', 'p50 ms', 'p95 ms', 'max ms', 'Round trip p95 ms'], ...rows]);
}
