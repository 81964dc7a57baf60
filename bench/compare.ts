// `npm run bench`: the service beside the ceiling, what a tutorial teaches, the queues on Postgres and the nearest peer, in
// one run, in turns and over several rounds. Each measurement has an empty database on the same Postgres. On a shared
// machine ratios within a round hold where figures do not.
import { randomBytes } from 'node:crypto';
import { type CompareOptions, compareHelp, readCompareOptions } from './compare-options.ts';
import {
  writeComparison,
  writeComplaints,
  writeLeftOut,
  writeProgress,
  writeVerdicts,
} from './compare-report.ts';
import { type Contender, lineUp } from './line-up.ts';
import { describeMachine, describeVersions } from './machine.ts';
import { tellWarnings, writeMachine } from './report.ts';
import { type Bench, runBench } from './run-bench.ts';
import { addSection, saveJson } from './save-results.ts';
import { type Measured, onPlace, type Scenario, type ScenarioName } from './scenario.ts';
import { live, queryable } from './scenario-arrivals.ts';
import { drain } from './scenario-drain.ts';
import { burst, sustained } from './scenario-load.ts';
import { startProgram } from './start-program.ts';
import { findRedis, type Stores, startStores } from './stores.ts';
import { judge } from './targets.ts';
import { turnedBy } from './turns.ts';

const scenarioOf: Readonly<Record<ScenarioName, Scenario>> = { burst, sustained, queryable, drain, live };

async function run(options: CompareOptions, bench: Bench): Promise<boolean> {
  const secret = randomBytes(24).toString('hex');
  console.log('Starting Postgres and Redis …');
  const redis = await findRedis(options.redisUrl, bench);
  const stores = await startStores(options.postgresUrl, redis?.url, bench);
  const contenders = lineUp.filter(
    ({ name, needsRedis }) =>
      (stores.hasRedis || !needsRedis) && (options.only === undefined || options.only.includes(name)),
  );
  const machine = await describeMachine(stores.databaseUrl);
  const measured: Measured[] = [];
  const loadLimit = options.scenarios.includes('burst')
    ? await measureLoadLimit(stores, secret, options)
    : undefined;
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const scenario of options.scenarios) {
      console.log(`Round ${round} of ${options.rounds}, ${scenario}`);
      for (const contender of turnedBy(round - 1, contenders.filter(takesPartIn(scenario)))) {
        bench.signal.throwIfAborted();
        const one = await measureOne({ contender, scenario, round, stores, secret, options });
        console.log(`  ${contender.title.padEnd(38)}${writeProgress(one)}`);
        measured.push(one);
      }
    }
  }
  const verdicts = judge(measured);
  const report = [
    '```',
    writeMachine(machine),
    `${await stores.describe()}, ${describeVersions(['bullmq', 'pg-boss', 'graphile-worker', '@supabase/stripe-sync-engine'])}`,
    describeRun(options, loadLimit),
    '```',
    '',
    writeComparison(contenders, measured, options.scenarios),
    ...writeLeftOut(measured),
    '',
    '**Promised, and what became of it**',
    '',
    writeVerdicts(verdicts),
  ].join('\n');
  const complaints = writeComplaints(measured);
  console.log(`\n${report}`);
  if (complaints !== '') console.log(`\nNot as it should be:\n${complaints}`);
  for (const [name, own] of Map.groupBy(measured, ({ contender }) => contender)) {
    tellWarnings(
      name,
      own.map(({ warnings }) => warnings),
    );
  }
  await saveJson(options.jsonFile, { machine, options, loadLimit, measured, verdicts });
  if (options.isKept) {
    const told = complaints === '' ? '' : `\n\nNot as it should be:\n\n${complaints}`;
    await addSection('comparison', machine, report + told);
  }
  return complaints === '' && (!options.isStrict || verdicts.every(({ isKept }) => isKept));
}

interface Turn {
  readonly contender: Contender;
  readonly scenario: ScenarioName;
  readonly round: number;
  readonly stores: Stores;
  readonly secret: string;
  readonly options: CompareOptions;
}

// What breaks in one measurement is a trouble of that one, and the others are still worth their time.
async function measureOne({ contender, scenario, round, stores, secret, options }: Turn): Promise<Measured> {
  const about = { scenario, contender: contender.name, round };
  try {
    const outcome = await onPlace(stores.openPlace(secret), (place) =>
      scenarioOf[scenario](contender, place, options),
    );
    return { ...about, ...outcome };
  } catch (error) {
    if (stores.signal.aborted) throw error;
    const [reason = ''] = String(error).split('\n');
    console.error(error);
    return { ...about, figures: {}, troubles: [reason], warnings: {} };
  }
}

const loadLimitSeconds = 5;

// A contender near the load's own limit would not have been measured but the load.
async function measureLoadLimit(stores: Stores, secret: string, options: CompareOptions) {
  const contender: Contender = {
    name: 'load-alone',
    title: 'the load alone',
    dialect: 'ilive',
    needsRedis: false,
    parts: ['receive'],
    start: (part, place) => startProgram('bare-http', part, place, 0),
  };
  const seconds = Math.min(options.seconds, loadLimitSeconds);
  const turn = { contender, scenario: 'burst', round: 0, stores, secret } as const;
  const { figures } = await measureOne({ ...turn, options: { ...options, seconds } });
  return figures;
}

function takesPartIn(scenario: ScenarioName): (contender: Contender) => boolean {
  switch (scenario) {
    case 'burst':
      return ({ parts }) => parts.includes('receive');
    case 'sustained':
    case 'queryable':
      return ({ parts }) => parts.includes('whole');
    case 'drain':
      return ({ parts, fill }) => parts.includes('work') && fill !== undefined;
    case 'live':
      return ({ name, fill }) => name.startsWith('ours') && fill !== undefined;
  }
}

function describeRun(options: CompareOptions, loadLimit: Readonly<Record<string, number>> | undefined) {
  const { rounds, seconds, warmUpSeconds, connections, perSecond, backlog } = options;
  const load =
    loadLimit === undefined ? '' : `; the load alone reaches ${Math.round(loadLimit.perSecond ?? 0)}/s`;
  return (
    `${rounds} rounds of ${seconds} s after ${warmUpSeconds} s of warm-up, ${connections} connections or ` +
    `${perSecond} arrivals/s, backlogs of ${backlog}${load}`
  );
}

runBench(compareHelp, readCompareOptions, run);
