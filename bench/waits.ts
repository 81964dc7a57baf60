// `npm run bench:waits`: many clients wait for verdicts on one process while deliveries settle sessions at an even pace. How long
// after a verdict is there is its client answered, and does the memory come back once all have left?
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { describeMachine } from './machine.ts';
import { readCount } from './options.ts';
import { readMetrics } from './read-metrics.ts';
import { writeMachine, writeNumber, writeTable } from './report.ts';
import { writeBody } from './requests.ts';
import { type Bench, runBench } from './run-bench.ts';
import { saveJson } from './save-results.ts';
import { createPost } from './signed-post.ts';
import { type Stage, setStage } from './stage.ts';
import { quantile } from './statistics.ts';
import { startClients, type WaitingClients } from './waiting-clients.ts';

interface WaitsOptions {
  readonly clients: number;
  readonly rate: number;
  readonly seconds: number;
  readonly maxP99Ms: number;
  readonly jsonFile: string | undefined;
}

const help = `
Measures how soon clients that wait for a verdict are answered, while deliveries settle
sessions at an even pace. The time runs from the commit, by Postgres' own record of it, to
the answer at the client. Exit code 1 when a client got a wrong answer or none, when p99
is over the limit, or when the heap does not come back once all clients have left.

Usage: npm run bench:waits -- [options]

  --clients N      clients that wait at once (default 2000)
  --rate N         verdicts a second (default 200)
  --seconds N      how long (default 60), after 10 seconds that are not counted
  --max-p99-ms N   the limit (default 100)
  --json FILE      write every figure to FILE as well
  --help           this text
`.trim();

function readOptions(args: readonly string[]): WaitsOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      clients: { type: 'string', default: '2000' },
      rate: { type: 'string', default: '200' },
      seconds: { type: 'string', default: '60' },
      'max-p99-ms': { type: 'string', default: '100' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return 'help';
  return {
    clients: readCount('clients', values.clients, 15_000),
    rate: readCount('rate', values.rate, 2_000),
    seconds: readCount('seconds', values.seconds, 3_600),
    maxP99Ms: readCount('max-p99-ms', values['max-p99-ms'], 60_000),
    jsonFile: values.json,
  };
}

const warmUpSeconds = 10;
const restSeconds = 20;
const gatherDeadlineMs = 30_000;
const megabyte = 2 ** 20;
// A service that has worked has more on its heap than one that has only started: compiled code, pools, caches.
const heapSlackBytes = 16 * megabyte;

async function run(options: WaitsOptions, bench: Bench): Promise<boolean> {
  const { clients: count, rate, seconds } = options;
  console.log('Starting the service …');
  const stage = await setStage({ API_RATE_PER_MINUTE: '0' }, bench, { track_commit_timestamp: 'on' });
  const machine = await describeMachine(stage.databaseUrl);
  console.log(`Settling ${rate} a second for ${warmUpSeconds} s with a few clients …`);
  const few = startClients(stage.address(), stage.apiKey, rate);
  await settle(stage, few, { rate, seconds: warmUpSeconds, signal: bench.signal });
  few.leave();
  const before = await readLowestHeap(stage, bench.signal);
  console.log(`${count} clients wait, and ${rate} a second are settled for ${seconds} s …`);
  const clients = startClients(stage.address(), stage.apiKey, count);
  await gather(stage, count, bench.signal);
  const sent = await settle(stage, clients, { rate, seconds, signal: bench.signal });
  const during = await readMemory(stage);
  await gatherAnswers(clients, sent, bench.signal);
  clients.leave();
  const after = await readLowestHeap(stage, bench.signal);

  const committedAtMs = await readCommits(stage);
  const delays = clients.answers
    .map(({ answeredAtMs, body }) => answeredAtMs - (committedAtMs.get(body.session_id ?? '') ?? Number.NaN))
    .sort((a, b) => a - b);
  const wrong = clients.answers.filter(
    ({ status, body }) => status !== 200 || body.status !== 'final',
  ).length;
  const figures = {
    sent,
    answered: clients.answers.length,
    wrong,
    p50Ms: quantile(delays, 0.5),
    p99Ms: quantile(delays, 0.99),
    maxMs: quantile(delays, 1),
    heapMb: [before, during.heapBytes, after].map((bytes) => Math.round(bytes / megabyte)),
    residentMb: Math.round(during.residentBytes / megabyte),
  };
  console.log(`\n${writeMachine(machine)}`);
  const { answered, p50Ms, p99Ms, maxMs } = figures;
  const table = writeTable([
    ['Clients', 'Verdicts/s', 'Settled', 'Answered', 'Commit to answer p50 ms', 'p99 ms', 'max ms'],
    [count, rate, sent, answered, p50Ms, p99Ms, maxMs].map((value) => writeNumber(value, 0)),
  ]);
  console.log(`\n${table}`);
  const [heapBefore, heapDuring, heapAfter] = figures.heapMb;
  console.log(
    `\nHeap: ${heapBefore} MB before, ${heapDuring} MB with all waiting (${figures.residentMb} MB resident), ${heapAfter} MB after they left.`,
  );
  await saveJson(options.jsonFile, { machine, options, figures });
  const problems = [
    wrong > 0 && `${wrong} answers were wrong`,
    answered < sent && `${sent - answered} of the settled were not answered`,
    p99Ms > options.maxP99Ms && `p99 is over ${options.maxP99Ms} ms`,
    after > before + heapSlackBytes && 'the heap has not come back',
  ].filter((problem) => problem !== false);
  for (const problem of problems) console.log(`Not as promised: ${problem}.`);
  return problems.length === 0;
}

/** Settles what somebody has waited for longest, at an even pace; answers how many were sent. */
async function settle(
  stage: Stage,
  clients: WaitingClients,
  { rate, seconds, signal }: { rate: number; seconds: number; signal: AbortSignal },
): Promise<number> {
  const post = createPost(stage.address(), stage.secret);
  const startedAt = performance.now();
  const sending: Promise<unknown>[] = [];
  for (let number = 0; number < rate * seconds; number += 1) {
    const dueIn = startedAt + (number * 1_000) / rate - performance.now();
    if (dueIn > 1) await sleep(dueIn, undefined, { signal });
    const sessionId = clients.longest();
    if (sessionId === undefined) continue;
    sending.push(post(Buffer.from(writeBody(sessionId)), `wh_${number}_${startedAt}`));
  }
  await Promise.all(sending);
  return sending.length;
}

async function gather(stage: Stage, count: number, signal: AbortSignal): Promise<void> {
  const haveCome = async () =>
    ((await readMetrics(stage.address())).get('ilive_waiting_callers') ?? 0) >= count;
  await waitUntil(haveCome, signal);
}

async function gatherAnswers(clients: WaitingClients, count: number, signal: AbortSignal): Promise<void> {
  await waitUntil(async () => clients.answers.length >= count, signal);
}

async function waitUntil(fact: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + gatherDeadlineMs;
  while (!(await fact()) && performance.now() < deadline) await sleep(100, undefined, { signal });
}

/** When each session's row was committed, by the session's id. */
async function readCommits({ db }: Stage): Promise<Map<string, number>> {
  const rows = await db.query<{ id: string; ms: number }>({
    text: `select session_id as id, (extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000)::float8 as ms from sessions`,
  });
  return new Map(rows.map(({ id, ms }) => [id, ms]));
}

async function readMemory(stage: Stage): Promise<{ heapBytes: number; residentBytes: number }> {
  const metrics = await readMetrics(stage.address());
  return {
    heapBytes: metrics.get('nodejs_heap_size_used_bytes') ?? Number.NaN,
    residentBytes: metrics.get('process_resident_memory_bytes') ?? Number.NaN,
  };
}

// The heap goes up until it is collected: what is really in use is the least that is seen over a while.
async function readLowestHeap(stage: Stage, signal: AbortSignal): Promise<number> {
  let lowest = Number.POSITIVE_INFINITY;
  for (let second = 0; second < restSeconds * 5; second += 1) {
    await sleep(200, undefined, { signal });
    lowest = Math.min(lowest, (await readMemory(stage)).heapBytes);
  }
  return lowest;
}

runBench(help, readOptions, run);
