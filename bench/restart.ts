// `npm run bench:restart`: receivers and workers are restarted with SIGTERM one after the other, again and again, behind a
// proxy that does what a load balancer does, while deliveries and questions come in. No request may fail, none may be
// answered 5xx, nothing accepted may be missing or there twice, no batch may cost an attempt, and each process must end
// with exit code 0. Exit code 1 when any of it is not so.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Balancer, startBalancer } from '../test/support/balancer.ts';
import { readCount } from './options.ts';
import { connectOnce } from './own-connection.ts';
import { type RestartLoad, startRestartLoad } from './restart-load.ts';
import { type Bench, runBench } from './run-bench.ts';
import { createDataDir, startPostgres, startService } from './start-service.ts';
import { quantile } from './statistics.ts';

interface RestartOptions {
  readonly requests: number;
  readonly rate: number;
  readonly senders: number;
  readonly delaySeconds: number;
}

const help = `
Restarts two receivers and two workers in turn under load, behind a proxy that goes by /readyz.

Usage: npm run bench:restart -- [options]

  --requests N       ends once so many were sent (default 100000)
  --rate N           requests a second at most (default 500)
  --senders N        requests under way at once (default 32)
  --delay-seconds N  SHUTDOWN_DELAY_SECONDS (default 5); the proxy takes up to 3 s to notice
  --help             this text
`.trim();

function readOptions(args: readonly string[]): RestartOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      requests: { type: 'string', default: '100000' },
      rate: { type: 'string', default: '500' },
      senders: { type: 'string', default: '32' },
      'delay-seconds': { type: 'string', default: '5' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return 'help';
  return {
    requests: readCount('requests', values.requests, 100_000_000),
    rate: readCount('rate', values.rate, 100_000),
    senders: readCount('senders', values.senders, 1_000),
    delaySeconds: readCount('delay-seconds', values['delay-seconds'], 60),
  };
}

// Once a second, out after two failures: quicker than most, slower than none.
const checkEveryMs = 1_000;
const failuresToLeave = 2;
const readyWithinMs = 60_000;
const processedWithinMs = 60_000;
const progressEveryMs = 10_000;

interface Member {
  readonly name: string;
  address: string;
  /** Ends it with SIGTERM and starts it anew at its address. */
  restart(): Promise<string>;
}

async function run(options: RestartOptions, bench: Bench): Promise<boolean> {
  const { signal, undo } = bench;
  const postgres = await startPostgres();
  undo.push(postgres.stop);
  const secret = randomBytes(24).toString('hex');
  const apiKey = randomBytes(24).toString('hex');
  const settings = {
    DATABASE_URL: postgres.url,
    BOOTSTRAP_API_KEY: apiKey,
    API_RATE_PER_MINUTE: '1000000',
    SHUTDOWN_DELAY_SECONDS: String(options.delaySeconds),
  };
  const members: Member[] = [];
  for (const role of ['receiver', 'receiver', 'worker', 'worker']) {
    members.push(await startMember({ ...settings, ROLE: role }, secret, bench));
  }
  const receivers = members.filter(({ name }) => name === 'receiver');
  const balancer = await startBalancer(
    receivers.map(({ address }) => address),
    { checkEveryMs, failuresToLeave },
  );
  undo.push(balancer.close);
  await untilAllSentTo(balancer, receivers, signal);
  const load = startRestartLoad({ url: balancer.url, secret, apiKey, ...options, perSecond: options.rate });
  undo.push(load.stop);
  const endings = await restartInTurn(options, { members, receivers, balancer, load, signal });
  await load.stop();
  return judge(load, endings, postgres.url, signal);
}

async function startMember(
  settings: Readonly<Record<string, string>>,
  secret: string,
  { signal, undo }: Bench,
): Promise<Member> {
  const { dataDir, remove } = await createDataDir();
  undo.push(remove);
  const port = await findFreePort();
  const start = () =>
    startService({ ...settings, DATA_DIR: dataDir, PORT: String(port) }, undefined, { secret, signal });
  let service = await start();
  undo.push(() => service.stop());
  return {
    name: settings.ROLE ?? '',
    address: service.address,
    restart: async () => {
      process.kill(Number((await service.log.listening).pid), 'SIGTERM');
      const how = await service.ended;
      service = await start();
      return how;
    },
  };
}

interface Stage {
  readonly members: readonly Member[];
  readonly receivers: readonly Member[];
  readonly balancer: Balancer;
  readonly load: RestartLoad;
  readonly signal: AbortSignal;
}

// One at a time, and the next receiver only once all are sent to again: as any platform rolls.
async function restartInTurn(
  { requests }: RestartOptions,
  { members, receivers, balancer, load, signal }: Stage,
): Promise<string[]> {
  const endings: string[] = [];
  let shownAt = performance.now();
  for (let turn = 0; load.count() < requests || endings.length < members.length; turn += 1) {
    const member = members[turn % members.length];
    if (member === undefined) break;
    endings.push(`${member.name}: ${await member.restart()}`);
    await untilAllSentTo(balancer, receivers, signal);
    if (performance.now() - shownAt < progressEveryMs) continue;
    shownAt = performance.now();
    console.log(`${load.count()} requests, ${endings.length} restarts, ${JSON.stringify(load.statuses)}`);
  }
  return endings;
}

async function untilAllSentTo(
  balancer: Balancer,
  receivers: readonly Member[],
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + readyWithinMs;
  while (!receivers.every(({ address }) => balancer.isSentTo(address))) {
    if (performance.now() > deadline) throw new Error('a receiver did not become ready');
    await wait(50, undefined, { signal });
  }
}

async function judge(
  load: RestartLoad,
  endings: readonly string[],
  databaseUrl: string,
  signal: AbortSignal,
): Promise<boolean> {
  const db = connectOnce(databaseUrl);
  const look = async () => {
    const [row] = await db.query<Record<'rows' | 'owed' | 'tried' | 'settled' | 'observations', number>>({
      text: `select (select count(*)::int from deliveries) as rows,
                    (select count(*)::int from deliveries where state = 'received') as owed,
                    (select count(*)::int from deliveries where attempts > 1) as tried,
                    (select count(*)::int from sessions where state = 'settled') as settled,
                    (select count(*)::int from observations) as observations`,
    });
    if (row === undefined) throw new Error('a select without from gave no row');
    return row;
  };
  const stoppedAt = performance.now();
  let found = await look();
  while (found.owed > 0 && performance.now() - stoppedAt < processedWithinMs) {
    await wait(100, undefined, { signal });
    found = await look();
  }
  const known = await db.query<{ id: string }>({ text: 'select id::text from deliveries' });
  await db.close();
  const ids = new Set(known.map(({ id }) => id));
  const lost = load.acceptedIds.filter((id) => !ids.has(id)).length;
  const accepted = load.acceptedIds.length;
  const doubled = found.rows - accepted + (found.observations - found.settled);
  const failed = Object.entries(load.statuses).reduce(
    (sum, [status, count]) => (status === '202' || status === '200' ? sum : sum + count),
    0,
  );
  const badEndings = endings.filter((ending) => !ending.endsWith('exit code 0'));
  const waits = load.answeredMs.toSorted((a, b) => a - b);
  console.log(`
requests               ${load.count()}: ${JSON.stringify(load.statuses)}
failed                 ${failed}
${load.failures.map((failure) => `  ${failure}\n`).join('')}restarts               ${endings.length}, ${badEndings.length} of them did not end with exit code 0 ${badEndings.join(', ')}
accepted               ${accepted}
lost                   ${lost}
doubled                ${doubled}
not processed          ${found.owed}; settled ${found.settled}
tried more than once   ${found.tried}
answered within        p50 ${quantile(waits, 0.5).toFixed(1)} ms, p99 ${quantile(waits, 0.99).toFixed(1)} ms, at most ${(waits.at(-1) ?? 0).toFixed(0)} ms`);
  const isWhole = lost === 0 && doubled === 0 && found.owed === 0 && found.settled === accepted;
  return failed === 0 && isWhole && found.tried === 0 && badEndings.length === 0;
}

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

runBench(help, readOptions, run);
