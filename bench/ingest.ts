// `npm run bench`: acknowledged deliveries a second, and how long an acknowledgement takes, for the service in its shapes
// and for a ceiling that stores nothing. All are measured in the same run, in turns and over several rounds, and each is
// divided by the ceiling of its own round: on a shared machine the ratio holds where the figures do not.
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { type Contender, startReceiver, startServer, startWhole } from './contenders.ts';
import { describeMachine } from './machine.ts';
import { type Measurement, measure } from './measure.ts';
import { type BenchOptions, benchHelp, readBenchOptions } from './options.ts';
import { summarize, writeMachine, writeTables, writeTroubles } from './report.ts';
import { type Bench, runBench } from './run-bench.ts';

const ceilingName = 'verify-only';

interface IngestBench extends Bench {
  readonly options: BenchOptions;
  readonly secret: string;
}

async function run(options: BenchOptions, { signal, undo }: Bench): Promise<boolean> {
  const bench: IngestBench = { options, secret: randomBytes(24).toString('hex'), signal, undo };
  console.log('Measuring what the load itself can send …');
  const loadLimit = await measureLoad(bench);
  console.log(`  ${Math.round(loadLimit.acknowledgedPerSecond)}/s against a server that does nothing`);
  console.log('Starting the contenders …');
  const contenders = await startContenders(bench);
  const databaseUrl = contenders.find((contender) => contender.databaseUrl !== undefined)?.databaseUrl;
  const machine = await describeMachine(databaseUrl);
  const measurements = await runRounds(bench, contenders);
  const summaries = summarize(contenders, measurements, ceilingName);
  const { rounds, seconds, warmUpSeconds, connections } = options;
  console.log(`\n${writeMachine(machine)}`);
  console.log(
    `${rounds} rounds of ${seconds} s after ${warmUpSeconds} s of warm-up, ${connections} connections, ` +
      `bodies of ${loadLimit.bodyBytes} bytes; the load alone reaches ${Math.round(loadLimit.acknowledgedPerSecond)}/s\n`,
  );
  console.log(writeTables(summaries, measurements));
  const troubles = writeTroubles(measurements);
  if (troubles !== '') console.log(`\nNot as it should be:\n${troubles}`);
  for (const { name, warnings } of contenders) {
    for (const [message, count] of Object.entries(warnings()))
      console.log(`  ${name} warned: ${message} (${count})`);
  }
  if (options.jsonFile !== undefined) {
    const everything = { machine, options, loadLimit, summaries, measurements };
    await writeFile(options.jsonFile, `${JSON.stringify(everything, null, 2)}\n`);
  }
  return troubles === '';
}

async function measureLoad(bench: IngestBench): Promise<Measurement> {
  const server = await startServer('bare-http', 'load alone', bench);
  try {
    return await measureOne(bench, server, 0);
  } finally {
    await server.stop();
  }
}

async function startContenders(bench: IngestBench): Promise<Contender[]> {
  const { only } = bench.options;
  const contenders: Contender[] = [];
  const add = (contender: Contender) => {
    contenders.push(contender);
    bench.undo.push(() => contender.stop());
  };
  const isWanted = (name: string) => only === undefined || only.includes(name);
  add(await startServer(ceilingName, 'ceiling: verify, store nothing', bench));
  if (isWanted('all')) add(await startWhole('all', 'service, queue on Postgres', bench));
  const redisUrl = isWanted('redis') ? await findRedis(bench) : undefined;
  if (redisUrl !== undefined) add(await startWhole('redis', 'service, queue on Redis', bench, redisUrl));
  if (isWanted('receiver')) add(await startReceiver('receiver', 'receiver alone', bench));
  return contenders;
}

async function findRedis({ options, undo }: IngestBench): Promise<string | undefined> {
  if (options.redisUrl !== undefined) return options.redisUrl;
  try {
    const { startRedis } = await import('../test/support/redis-server.ts');
    const redis = await startRedis();
    undo.push(() => redis.stop());
    return redis.url;
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
    console.log(`  without the contender with Redis: ${reason}`);
    return undefined;
  }
}

async function runRounds(bench: IngestBench, contenders: readonly Contender[]): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  for (let round = 1; round <= bench.options.rounds; round += 1) {
    console.log(`Round ${round} of ${bench.options.rounds}`);
    // Each round begins with another one, so that none is always measured in the wake of the same neighbour.
    const shift = (round - 1) % contenders.length;
    for (const contender of [...contenders.slice(shift), ...contenders.slice(0, shift)]) {
      const measured = await measureOne(bench, contender, round);
      refuseSilence(measured);
      const { acknowledgedPerSecond, p50Ms, p99Ms } = measured;
      const figures = `${Math.round(acknowledgedPerSecond)}/s, p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`;
      console.log(`  ${contender.title.padEnd(32)}${figures}`);
      measurements.push(measured);
    }
  }
  return measurements;
}

// A contender that acknowledges nothing is broken; going on would only print noughts.
function refuseSilence({ contender, acknowledgedCount, otherStatuses, errorCount }: Measurement): void {
  if (acknowledgedCount > 0) return;
  const answers = JSON.stringify(otherStatuses);
  throw new Error(
    `${contender} acknowledged nothing; other answers: ${answers}, broken connections: ${errorCount}`,
  );
}

function measureOne(
  { options, secret, signal }: IngestBench,
  contender: Contender,
  round: number,
): Promise<Measurement> {
  const { connections, warmUpSeconds, seconds } = options;
  return measure(contender, { round, signal, secret, connections, warmUpSeconds, seconds });
}

runBench(benchHelp, readBenchOptions, run);
