// `npm run bench:refusals`: what keeping refused requests costs the signed deliveries. Two whole services, each with a
// Postgres of its own, one that stores what it refuses and one that does not, get the same flood of requests with wrong
// signatures while signed deliveries are sent as fast as they are acknowledged. Both are measured in turns over several
// rounds, and the one is divided by the other within a round: on a shared machine the ratio holds where figures do not.
import { randomBytes } from 'node:crypto';
import { parseConfig } from '../src/config.ts';
import type { Database } from '../src/db/connect.ts';
import type { RefusalLimits } from '../src/db/refusals.ts';
import { describeMachine } from './machine.ts';
import { connectOnce } from './own-connection.ts';
import { readMetrics } from './read-metrics.ts';
import { measureFlood } from './refusals-measure.ts';
import { type RefusalsOptions, readRefusalsOptions, refusalsHelp } from './refusals-options.ts';
import {
  type FloodMeasurement,
  type FloodRun,
  judgeRatio,
  offName,
  onName,
  refusedPerSecond,
  type StoreOutcome,
  writeFlood,
  writeFloodTroubles,
} from './refusals-report.ts';
import {
  fillStore,
  mostOf,
  type StoreSample,
  sampleStore,
  settleStore,
  watchStore,
} from './refusals-store.ts';
import { tellWarnings, writeMachine } from './report.ts';
import { type Bench, runBench } from './run-bench.ts';
import { saveJson } from './save-results.ts';
import { type StartedService, startOnPostgres } from './start-service.ts';

/** A contender and the connection by which its table is looked at. */
interface Watched extends StartedService {
  readonly name: string;
  readonly title: string;
  readonly db: Database;
}

interface FloodBench extends Bench {
  readonly options: RefusalsOptions;
  readonly secret: string;
  readonly limits: RefusalLimits;
}

async function run(options: RefusalsOptions, bench: Bench): Promise<boolean> {
  const secret = randomBytes(24).toString('hex');
  const limits = parseConfig({ ILIVE_WEBHOOK_SECRETS: secret }).refusals;
  const flood: FloodBench = { ...bench, options, secret, limits };
  console.log('Starting both services …');
  const contenders = [
    await startWatched(flood, offName, 'storing off', { REFUSALS_MAX_COUNT: '0' }),
    await startWatched(flood, onName, 'storing on', {}),
  ];
  const machine = await describeMachine(contenders[0]?.databaseUrl);
  await fill(flood, contenders);
  const most = new Map<string, StoreSample>();
  const measurements = await runRounds(flood, contenders, most);
  const stores = await Promise.all(contenders.map((contender) => describeStore(contender, most)));
  const finished: FloodRun = { options, contenders, limits, measurements, stores };
  const { rounds, floodConnections, connections, bodyBytes, warmUpRequests, filledShare, isSealing } =
    options;
  console.log(`\n${writeMachine(machine)}`);
  console.log(
    `${rounds} rounds of ${requestsInRound(options)} refused requests of ${bodyBytes} bytes after ${warmUpRequests} of ` +
      `warm-up over ${floodConnections} connections, signed deliveries over ${connections}; ` +
      `the store ${Math.round(filledShare * 100)} % full at the begin${isSealing ? ', sealed' : ''}\n`,
  );
  console.log(writeFlood(finished));
  const { text, isKept } = judgeRatio(finished);
  console.log(`\n${text}`);
  const troubles = writeFloodTroubles(finished);
  if (troubles !== '') console.log(`\nNot as it should be:\n${troubles}`);
  for (const { name, warnings } of contenders) tellWarnings(name, [warnings()]);
  await saveJson(options.jsonFile, { machine, options, limits, stores, measurements });
  return troubles === '' && isKept;
}

async function startWatched(
  { options, secret, signal, undo }: FloodBench,
  name: string,
  title: string,
  settings: Readonly<Record<string, string>>,
): Promise<Watched> {
  const encryption = options.isSealing
    ? { ENCRYPTION_KEYS: `bench:${randomBytes(32).toString('base64')}` }
    : {};
  const service = await startOnPostgres({ ...encryption, ...settings }, { secret, signal });
  undo.push(() => service.stop());
  const db = connectOnce(service.databaseUrl);
  undo.push(() => db.close());
  return { ...service, name, title, db };
}

async function fill({ options, limits, signal }: FloodBench, contenders: readonly Watched[]): Promise<void> {
  const on = contenders.find(({ name }) => name === onName);
  const bytes = options.filledShare * limits.maxBytes;
  if (on === undefined || bytes === 0) return;
  console.log(`Filling the store with ${Math.round(bytes / 1e6)} MB …`);
  await fillStore(on.db, { bytes, bodyBytes: options.bodyBytes, limits }, signal);
}

async function runRounds(
  bench: FloodBench,
  contenders: readonly Watched[],
  most: Map<string, StoreSample>,
): Promise<FloodMeasurement[]> {
  const measurements: FloodMeasurement[] = [];
  for (let round = 1; round <= bench.options.rounds; round += 1) {
    console.log(`Round ${round} of ${bench.options.rounds}`);
    // Each round begins with the other one, so that none is always measured in the wake of its neighbour.
    for (const contender of round % 2 === 1 ? contenders : contenders.toReversed()) {
      const watch = watchStore(contender.db);
      const measured = await measureOne(bench, contender, round).finally(async () => {
        const seen = await watch.stop();
        most.set(contender.name, mostOf(most.get(contender.name) ?? seen, seen));
      });
      if (measured.acknowledgedCount === 0) throw new Error(`${contender.name} acknowledged nothing`);
      const { acknowledgedPerSecond, p99Ms } = measured;
      const figures = `${Math.round(acknowledgedPerSecond)}/s acknowledged, p99 ${p99Ms.toFixed(1)} ms`;
      const refused = `${Math.round(refusedPerSecond(measured))}/s refused`;
      console.log(`  ${contender.title.padEnd(14)}${figures}, ${refused}`);
      measurements.push(measured);
    }
  }
  return measurements;
}

async function measureOne(
  { options, secret, signal }: FloodBench,
  contender: Watched,
  round: number,
): Promise<FloodMeasurement> {
  const { connections, floodConnections, warmUpRequests, bodyBytes } = options;
  const floodRequests = requestsInRound(options);
  const job = { secret, connections, floodConnections, warmUpRequests, floodRequests, bodyBytes };
  const measured = await measureFlood(contender, job, signal);
  const hasSettled = await settleStore(contender.db, signal);
  return { ...measured, contender: contender.name, round, hasSettled };
}

function requestsInRound({ requests, rounds }: RefusalsOptions): number {
  return Math.floor(requests / rounds);
}

async function describeStore(
  { name, db, address }: Watched,
  most: ReadonlyMap<string, StoreSample>,
): Promise<StoreOutcome> {
  const last = await sampleStore(db);
  const droppedCount = (await readMetrics(address)).get('ilive_refusals_dropped_total') ?? 0;
  return { contender: name, most: mostOf(most.get(name) ?? last, last), last, droppedCount };
}

runBench(refusalsHelp, readRefusalsOptions, run);
