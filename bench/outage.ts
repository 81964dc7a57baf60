// `npm run bench:outage`: Postgres is stopped for a while under load, and started again. Whole sessions of deliveries are sent
// at a steady pace before, during and after; each is expected to be answered 202, to be in the tables once and under the id
// that was told, in the order in which its session was told, and soon after the return. With a small `--store-mib` 503s may
// begin once the store is full; what was answered 202 must be there all the same. Exit code 1 when any of it is not so.
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startTcpProxy } from '../test/support/tcp-proxy.ts';
import { readCount } from './options.ts';
import { connectOnce } from './own-connection.ts';
import { readMetrics } from './read-metrics.ts';
import { type Bench, runBench } from './run-bench.ts';
import { createPost } from './signed-post.ts';
import { createDataDir, startPostgresOn, startService } from './start-service.ts';
import { quantile } from './statistics.ts';

interface OutageBenchOptions {
  readonly rate: number;
  readonly seconds: number;
  readonly aroundSeconds: number;
  readonly storeBytes: number;
  readonly drainSeconds: number;
}

const help = `
Stops Postgres under load, starts it again, and looks whether anything was lost.

Usage: npm run bench:outage -- [options]

  --rate N           deliveries a second (default 500)
  --seconds N        how long Postgres is away (default 60)
  --around N         seconds of load before and after (default 10)
  --store-mib N      OUTAGE_STORE_MAX_BYTES, in MiB (default 1024)
  --drain-seconds N  recorded after its return within (default 10)
  --help             this text
`.trim();

function readOptions(args: readonly string[]): OutageBenchOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rate: { type: 'string', default: '500' },
      seconds: { type: 'string', default: '60' },
      around: { type: 'string', default: '10' },
      'store-mib': { type: 'string', default: '1024' },
      'drain-seconds': { type: 'string', default: '10' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return 'help';
  return {
    rate: readCount('rate', values.rate, 20_000),
    seconds: readCount('seconds', values.seconds, 3_600),
    aroundSeconds: readCount('around', values.around, 600),
    storeBytes: readCount('store-mib', values['store-mib'], 100_000) * 2 ** 20,
    drainSeconds: readCount('drain-seconds', values['drain-seconds'], 600),
  };
}

interface Told {
  readonly sessionId: string;
  readonly sentAt: number;
  status: number;
  ms: number;
  id: string | undefined;
}

const sessionCount = 400;

// Sent at a steady pace, whether or not those before are answered.
function startLoad(address: string, secret: string, rate: number) {
  const told: Told[] = [];
  const underWay = new Set<Promise<void>>();
  const sessions = Array.from({ length: sessionCount }, () => randomUUID());
  const post = createPost(address, secret);
  const send = async () => {
    const sessionId = sessions[told.length % sessionCount] ?? '';
    const each: Told = { sessionId, sentAt: performance.now(), status: 0, ms: 0, id: undefined };
    told.push(each);
    const payload = {
      event: 'liveness.verdict',
      session_id: sessionId,
      verdict: 'pass',
      confidence: 0.9,
      reference_id: `user-${told.length}`,
      timestamp: new Date().toISOString(),
    };
    const { status, answeredMs, text } = await post(Buffer.from(JSON.stringify(payload)), randomUUID());
    const id = status === 202 ? (JSON.parse(text) as { delivery_id: string }).delivery_id : undefined;
    Object.assign(each, { status, id, ms: answeredMs - each.sentAt });
  };
  const startedAt = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    for (const due = ((performance.now() - startedAt) / 1000) * rate; sent < due; sent += 1) {
      const sending = send().finally(() => underWay.delete(sending));
      underWay.add(sending);
    }
  }, 5);
  return {
    told,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(underWay);
    },
  };
}

async function run(options: OutageBenchOptions, { signal, undo }: Bench): Promise<boolean> {
  const { dataDir: dir, remove } = await createDataDir();
  undo.push(remove);
  const [postgresDir, dataDir] = [path.join(dir, 'postgres'), path.join(dir, 'receiver')];
  await mkdir(dataDir);
  let postgres = await startPostgresOn(postgresDir);
  undo.push(() => postgres.stop());
  const target = { host: '127.0.0.1', port: portOf(postgres.url) };
  const wire = await startTcpProxy(target);
  undo.push(() => wire.close());
  const url = new URL(postgres.url);
  url.port = String(wire.port);
  const secret = randomBytes(24).toString('hex');
  const settings = {
    DATABASE_URL: url.href,
    DATA_DIR: dataDir,
    OUTAGE_STORE_MAX_BYTES: String(options.storeBytes),
  };
  const service = await startService(settings, { secret, signal });
  undo.push(() => service.stop());

  const load = startLoad(service.address, secret, options.rate);
  await wait(options.aroundSeconds * 1000, undefined, { signal });
  await postgres.stop();
  const awayAt = performance.now();
  console.log(`Postgres is stopped; ${load.told.length} deliveries were sent before.`);
  await wait(options.seconds * 1000, undefined, { signal });
  const held = await heldIn(service.address);
  postgres = await startPostgresOn(postgresDir);
  target.port = portOf(postgres.url);
  const backAt = performance.now();
  console.log(
    `Postgres is back after ${seconds(backAt - awayAt)} s; the store holds ${held.count} deliveries.`,
  );
  let drainedMs: number | undefined;
  while (drainedMs === undefined && performance.now() - backAt < 120_000) {
    if (await isOver(service.address)) drainedMs = performance.now() - backAt;
    else await wait(100, undefined, { signal });
  }
  await wait(options.aroundSeconds * 1000, undefined, { signal });
  await load.stop();
  return judge(options, load.told, { awayAt, backAt, drainedMs, url: postgres.url, held });
}

async function isOver(address: string): Promise<boolean> {
  const answer = await (await fetch(new URL('/readyz', address))).json();
  return (answer as { outage_store: string }).outage_store === 'ready';
}

async function heldIn(address: string) {
  const metrics = await readMetrics(address);
  return {
    count: metrics.get('ilive_outage_held_deliveries') ?? 0,
    bytes: metrics.get('ilive_outage_held_bytes') ?? 0,
  };
}

interface Outcome {
  readonly awayAt: number;
  readonly backAt: number;
  readonly drainedMs: number | undefined;
  readonly url: string;
  readonly held: { readonly count: number; readonly bytes: number };
}

async function judge(
  options: OutageBenchOptions,
  told: readonly Told[],
  { awayAt, backAt, drainedMs, url, held }: Outcome,
): Promise<boolean> {
  const db = connectOnce(url);
  const rows = await db.query<{ id: string; webhookId: string }>({
    text: 'select id::text, webhook_id as "webhookId" from deliveries order by received_at, id',
  });
  await db.close();
  const places = new Map(rows.map(({ id }, index) => [id, index]));
  const accepted = told.filter(({ status }) => status === 202);
  const lost = accepted.filter(({ id }) => !places.has(id ?? ''));
  // Each was sent once, under a webhook id of its own.
  const twiceCount = rows.length - new Set(rows.map(({ webhookId }) => webhookId)).size;
  const answeredIds = new Set(accepted.map(({ id }) => id));
  const unansweredCount = rows.filter(({ id }) => !answeredIds.has(id)).length;
  const overtaken = findOvertaken(accepted, places);
  const during = told.filter(({ sentAt }) => sentAt >= awayAt && sentAt < backAt);
  const waits = during.map(({ ms }) => ms).sort((a, b) => a - b);
  const refused = told.filter(({ status }) => status !== 202);
  const early = refused.filter(({ sentAt }) => sentAt < awayAt);
  const isFull = held.bytes > options.storeBytes * 0.98;
  console.log(`
sent                   ${told.length}, ${during.length} of them without Postgres
answered 202           ${accepted.length}; otherwise ${JSON.stringify(countBy(refused))}
lost                   ${lost.length}
in the tables twice    ${twiceCount}
there and not answered ${unansweredCount}: stored, and the answer was another than 202 with its id
overtaken in a session ${overtaken.length}
answered without Postgres within  p50 ${quantile(waits, 0.5).toFixed(1)} ms, p99 ${quantile(waits, 0.99).toFixed(1)} ms, at most ${(waits.at(-1) ?? 0).toFixed(0)} ms
the store held         ${held.count} deliveries, ${held.bytes} bytes
first 503 after        ${refused[0] === undefined ? 'none' : `${seconds(refused[0].sentAt - awayAt)} s`}
drained                ${drainedMs === undefined ? 'never' : `${seconds(drainedMs)} s`} after its return`);
  const isInTime = drainedMs !== undefined && drainedMs <= options.drainSeconds * 1000;
  const isAnswered = refused.length === 0 || (isFull && early.length === 0);
  const isOnce = twiceCount === 0 && unansweredCount <= refused.length;
  return lost.length === 0 && isOnce && overtaken.length === 0 && isInTime && isAnswered;
}

// Those that stand before one of their session that was answered before they were sent. Of two that were under way at once
// nobody can say which came first.
function findOvertaken(accepted: readonly Told[], places: ReadonlyMap<string, number>): Told[] {
  const bySession = Map.groupBy(accepted, ({ sessionId }) => sessionId);
  return [...bySession.values()].flatMap((told) =>
    told.filter((late, index) =>
      told
        .slice(0, index)
        .some(
          (early) =>
            early.sentAt + early.ms <= late.sentAt &&
            (places.get(early.id ?? '') ?? 0) > (places.get(late.id ?? '') ?? 0),
        ),
    ),
  );
}

function countBy(told: readonly Told[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of told) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

const seconds = (ms: number) => (ms / 1000).toFixed(1);
const portOf = (url: string) => Number(new URL(url).port);

runBench(help, readOptions, run);
