// `npm run bench:restart`: receivers and workers are restarted with SIGTERM one after the other, again and again, behind a
// proxy that does what a load balancer does, while deliveries and questions come in. No request may fail, none may be
// answered 5xx, nothing accepted may be missing or there twice, no batch may cost an attempt, and each process must end
// with exit code 0. Exit code 1 when any of it is not so.
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Balancer, startBalancer } from '../test/support/balancer.ts';
import { readCount } from './options.ts';
import { judge } from './restart-judge.ts';
import { type RestartLoad, startRestartLoad } from './restart-load.ts';
import { createMember, type Member } from './restart-member.ts';
import { type Bench, runBench } from './run-bench.ts';
import { startPostgres } from './start-service.ts';

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
const progressEveryMs = 10_000;

async function run(options: RestartOptions, bench: Bench): Promise<boolean> {
  const { signal, undo } = bench;
  const postgres = await startPostgres();
  undo.push(postgres.stop);
  const secret = randomBytes(24).toString('hex');
  const apiKey = randomBytes(24).toString('hex');
  const settings = {
    DATABASE_URL: postgres.url,
    ILIVE_WEBHOOK_SECRETS: secret,
    BOOTSTRAP_API_KEY: apiKey,
    API_RATE_PER_MINUTE: '1000000',
    SHUTDOWN_DELAY_SECONDS: String(options.delaySeconds),
  };
  const members: Member[] = [];
  for (const role of ['receiver', 'receiver', 'worker', 'worker']) {
    const member = await createMember({ ...settings, ROLE: role }, bench);
    await member.start();
    members.push(member);
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

runBench(help, readOptions, run);
