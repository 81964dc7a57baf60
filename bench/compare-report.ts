// The comparison as tables that a person reads and that can stand in the README as they are: one for each scenario, what a
// delivery costs, and the promises with what became of them. Every figure is the median over the rounds with the lowest and
// the highest beside it.
import { type Contender, ceilingName } from './line-up.ts';
import { promisedTitles, writePromised } from './promised.ts';
import { writeMedian, writeNumber, writeSpread, writeTable } from './report.ts';
import { isSound, type Measured, type ScenarioName } from './scenario.ts';
import { spreadOf } from './statistics.ts';
import type { Verdict } from './targets.ts';

interface Column {
  readonly title: string;
  readonly figure: string;
  readonly digits: number;
  /** Divided by this contender's figure of the same round. */
  readonly of?: string;
  /** The median alone. */
  readonly isPlain?: boolean;
}

const headings: Readonly<Record<ScenarioName, string>> = {
  burst: 'Burst: acknowledged while nobody works on them',
  sustained: 'Sustained: acknowledged and processed, until the last one is done',
  queryable: 'From due to queryable, open loop',
  drain: 'A backlog worked off by one worker process',
  live: 'Live deliveries beside a backlog',
};

const plain = (title: string, figure: string, digits: number): Column => ({
  title,
  figure,
  digits,
  isPlain: true,
});

const processors: readonly Column[] = [
  plain('Cores: contender', 'cpuService', 2),
  plain('Postgres', 'cpuPostgres', 2),
  plain('Redis', 'cpuRedis', 2),
  plain('load', 'cpuLoad', 2),
  plain('elsewhere', 'cpuElsewhere', 2),
];

const columns: Readonly<Record<ScenarioName, readonly Column[]>> = {
  burst: [
    { title: 'Acknowledged/s', figure: 'perSecond', digits: 0 },
    { title: 'Of the ceiling', figure: 'perSecond', digits: 2, of: ceilingName },
    { title: 'p50 ms', figure: 'p50Ms', digits: 1 },
    { title: 'p99 ms', figure: 'p99Ms', digits: 1 },
    plain('Group', 'groupDeliveries', 0),
    plain('Commit ms', 'commitMs', 1),
    plain('Most MB', 'peakMegabytes', 0),
    plain('Begin', 'megabytesBefore', 0),
    plain('End', 'megabytesAfter', 0),
    ...processors,
  ],
  sustained: [
    { title: 'Processed/s', figure: 'perSecond', digits: 0 },
    { title: 'Of the tutorial', figure: 'perSecond', digits: 2, of: 'tutorial' },
    { title: 'Acknowledged/s', figure: 'ackPerSecond', digits: 0 },
    { title: 'p99 ms', figure: 'p99Ms', digits: 1 },
    plain('Caught up s', 'caughtUpSeconds', 1),
    ...processors,
  ],
  queryable: [
    { title: 'Acknowledged p50 ms', figure: 'ackP50Ms', digits: 1 },
    { title: 'p99 ms', figure: 'ackP99Ms', digits: 1 },
    { title: 'Queryable p50 ms', figure: 'queryableP50Ms', digits: 1 },
    { title: 'p99 ms', figure: 'queryableP99Ms', digits: 1 },
    plain('Arrived/s', 'perSecond', 0),
  ],
  drain: [
    { title: 'Processed/s', figure: 'perSecond', digits: 0 },
    { title: 'Of the tutorial', figure: 'perSecond', digits: 2, of: 'tutorial' },
    plain('In s', 'seconds', 1),
    plain('Filled/s', 'filledPerSecond', 0),
    plain('Ready ms', 'startMs', 0),
  ],
  live: [
    { title: 'Queryable beside it p50 ms', figure: 'backlogP50Ms', digits: 1 },
    { title: 'p99 ms', figure: 'backlogP99Ms', digits: 1 },
    { title: 'Quiet p50 ms', figure: 'quietP50Ms', digits: 1 },
    { title: 'p99 ms', figure: 'quietP99Ms', digits: 1 },
    { title: 'p99 of quiet', figure: 'slowdown', digits: 2 },
    { title: 'Acknowledged beside it p99 ms', figure: 'backlogAckP99Ms', digits: 1 },
    plain('Worked off/s', 'perSecond', 0),
  ],
};

const costs: readonly Column[] = [
  plain('Contender CPU ms', 'serviceMs', 3),
  plain('Postgres CPU ms', 'postgresMs', 3),
  plain('Redis CPU ms', 'redisMs', 3),
  plain('WAL bytes', 'walBytes', 0),
  plain('Redis commands', 'redisCommands', 2),
];

/** All tables of the run, in Markdown, without the measurements that had troubles. */
export function writeComparison(
  contenders: readonly Contender[],
  all: readonly Measured[],
  scenarios: readonly ScenarioName[],
): string {
  const measured = all.filter(isSound);
  const tables = scenarios.map((scenario) => {
    const own = measured.filter((each) => each.scenario === scenario);
    return `**${headings[scenario]}**\n\n${writeScenario(contenders, own, columns[scenario])}`;
  });
  const whole = measured.filter(({ scenario }) => scenario === 'sustained');
  if (whole.length > 0)
    tables.push(
      `**What one delivery costs, received and processed**\n\n${writeScenario(contenders, whole, costs)}`,
    );
  return tables.join('\n\n');
}

function writeScenario(
  contenders: readonly Contender[],
  measured: readonly Measured[],
  shown: readonly Column[],
): string {
  const rows = contenders.flatMap(({ name, title }) => {
    const own = measured.filter(({ contender }) => contender === name);
    return own.length === 0 ? [] : [[title, ...shown.map((column) => writeCell(own, measured, column))]];
  });
  return writeTable([['Contender', ...shown.map(({ title }) => title)], ...rows]);
}

function writeCell(own: readonly Measured[], all: readonly Measured[], column: Column): string {
  const { figure, digits, of, isPlain } = column;
  const divisorOf = (round: number) =>
    all.find(({ contender, round: other }) => contender === of && other === round)?.figures[figure];
  const values = own.flatMap(({ round, figures }) => {
    const value = figures[figure];
    const divisor = of === undefined ? 1 : divisorOf(round);
    return value === undefined || divisor === undefined ? [] : [value / divisor];
  });
  if (values.length === 0) return '–';
  return isPlain || values.length === 1 ? writeMedian(values, digits) : writeSpread(spreadOf(values), digits);
}

/** Which measurements neither the tables nor the promises count, each once; empty for none. */
export function writeLeftOut(measured: readonly Measured[]): string[] {
  const failed = measured.filter((each) => !isSound(each));
  if (failed.length === 0) return [];
  const named = failed.map(({ scenario, contender, round }) => `${scenario}, ${contender}, round ${round}`);
  return [
    '',
    `Left out of the tables and of the promises, since something was not as it should be: ${named.join('; ')}.`,
  ];
}

/** The promises, with what this run measured. */
export function writeVerdicts(verdicts: readonly Verdict[]): string {
  if (verdicts.length === 0) return 'Nothing of it was measured.';
  const rows = verdicts.map(({ scenario, contender, ...promised }) => [
    scenario,
    contender,
    ...writePromised(promised),
  ]);
  return writeTable([['Scenario', 'Contender', ...promisedTitles], ...rows]);
}

/** What makes the run worthless, and what the contenders warned of; empty when all went well. */
export function writeComplaints(measured: readonly Measured[]): string {
  return measured
    .flatMap(({ scenario, contender, round, troubles }) =>
      troubles.map((trouble) => `  ${scenario}, ${contender}, round ${round}: ${trouble}`),
    )
    .join('\n');
}

/** Figures of one measurement in a line, as it goes along. */
export function writeProgress({ scenario, figures }: Measured): string {
  return columns[scenario]
    .slice(0, 5)
    .filter(({ of, figure }) => of === undefined && figures[figure] !== undefined)
    .map(({ title, figure, digits }) => `${title} ${writeNumber(figures[figure] ?? 0, digits)}`)
    .join(', ');
}
