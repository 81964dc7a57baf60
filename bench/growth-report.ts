// What growth did, as tables for a person and for the README, beside what is promised of it.
import { type Measurement as ListMeasurement, writeMeasurements } from './look-ups-report.ts';
import { type Promised, promisedTitles, writePromised } from './promised.ts';
import { writeNumber, writeSpread, writeTable } from './report.ts';
import type { Outcome } from './scenario.ts';
import { type Spread, spreadOf } from './statistics.ts';

interface OnTables extends Outcome {
  readonly round: number;
  readonly scenario: 'burst' | 'sustained';
  readonly table: 'empty' | 'full';
}

export interface Grown {
  readonly measured: readonly OnTables[];
  readonly lists: readonly ListMeasurement[];
  readonly days: Outcome;
}

const leastOfEmpty = 0.9;
const mostListP95Ms = 300;
const mostDropMs = 1_000;
/** What arrives beside a drop is not felt to be slower up to this many times the quiet p99. */
const mostOfQuiet = 2;

export function judgeGrowth({ measured, lists, days }: Grown): Promised[] {
  const slowest = Math.max(0, ...lists.map(({ p95Ms }) => p95Ms));
  const { longestDropMs = 0, quietP99Ms = 0, besidesP99Ms = 0 } = days.figures;
  const most = (what: string, value: number, limit: number) => ({
    what,
    measured: spreadOf([value]),
    wanted: `at most ${limit}`,
    isKept: value <= limit,
  });
  return [
    ...(['burst', 'sustained'] as const).map((scenario) => {
      const ratio = ratioOf(measured, scenario);
      const what = `${scenario === 'burst' ? 'acknowledged' : 'processed'}, of empty tables`;
      const isKept = ratio.median >= leastOfEmpty;
      return { what, measured: ratio, wanted: `at least ${leastOfEmpty}`, isKept };
    }),
    most('highest p95 of a list, ms', slowest, mostListP95Ms),
    most('longest drop of a day, ms', longestDropMs, mostDropMs),
    most('live p99 beside the drops, of quiet', besidesP99Ms / Math.max(1, quietP99Ms), mostOfQuiet),
  ];
}

export function writeGrowth({ measured, lists, days }: Grown, verdicts: readonly Promised[]): string {
  const of = (scenario: OnTables['scenario'], table: OnTables['table'], figure: string) =>
    spreadOf(
      measured
        .filter((each) => each.scenario === scenario && each.table === table)
        .map(({ figures }) => figures[figure] ?? 0),
    );
  const rates = (['burst', 'sustained'] as const).flatMap((scenario) =>
    (['empty', 'full'] as const).map((table) => [
      `${scenario}, ${table} tables`,
      writeSpread(of(scenario, table, 'perSecond'), 0),
      table === 'empty' ? '' : writeSpread(ratioOf(measured, scenario), 2),
      writeSpread(of(scenario, table, 'p99Ms'), 1),
      writeNumber(of(scenario, table, 'postgresMs').median, 3),
      writeNumber(of(scenario, table, 'walBytes').median, 0),
    ]),
  );
  const head = ['Measured', 'Deliveries/s', 'Of empty', 'p99 ms', 'Postgres CPU ms each', 'WAL bytes each'];
  const slowest = lists.toSorted((a, b) => b.p95Ms - a.p95Ms).slice(0, 5);
  const { figures } = days;
  const ms = (name: string) => (figures[name] ?? 0).toFixed(1);
  return [
    writeTable([head, ...rates]),
    '',
    `${lists.length} cases of lists; the slowest:`,
    '',
    writeMeasurements(slowest),
    '',
    `${figures.droppedDays} days of bodies dropped, the longest in ${ms('longestDropMs')} ms; live deliveries queryable with ` +
      `p50 ${ms('besidesP50Ms')} and p99 ${ms('besidesP99Ms')} ms beside it, ${ms('quietP50Ms')} and ${ms('quietP99Ms')} ms before.`,
    '',
    writeTable([promisedTitles, ...verdicts.map(writePromised)]),
  ].join('\n');
}

function ratioOf(measured: Grown['measured'], scenario: OnTables['scenario']): Spread {
  const rateOf = (table: OnTables['table'], round: number) =>
    measured.find((each) => each.scenario === scenario && each.table === table && each.round === round)
      ?.figures.perSecond;
  const rounds = [...new Set(measured.map(({ round }) => round))];
  return spreadOf(
    rounds.flatMap((round) => {
      const [full, empty] = [rateOf('full', round), rateOf('empty', round)];
      return full === undefined || empty === undefined || empty === 0 ? [] : [full / empty];
    }),
  );
}
