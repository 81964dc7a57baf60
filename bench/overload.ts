// `npm run bench:overload`: what the machine can take is found out, and then several times as much is offered for a while,
// by a process that does not wait for answers. What is answered 202 must be in its time, what is turned away must be told so
// soon, memory must stay below a limit, nothing accepted may be missing, and a few seconds after the end a delivery must be
// taken as quickly as before. Exit code 1 when any of it is not so.
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { forkLoad, untilTold } from './load-process.ts';
import { readCount } from './options.ts';
import type { OverloadMessage, OverloadOrder, OverloadResult } from './overload-load.ts';
import type { Times } from './overload-tally.ts';
import {
  createProbe,
  probeFor,
  probesLooked,
  untilHealthy,
  watchMemory,
  watchReadiness,
} from './overload-watch.ts';
import { connectOnce } from './own-connection.ts';
import { readMetrics } from './read-metrics.ts';
import { type Bench, runBench } from './run-bench.ts';
import { type StartedService, startOnPostgres } from './start-service.ts';
import { quantile } from './statistics.ts';

interface OverloadOptions {
  readonly seconds: number;
  readonly times: number;
  readonly connections: number;
  readonly acceptedMs: number;
  readonly turnedAwayMs: number;
  readonly rssMib: number;
  readonly healthySeconds: number;
  readonly healthyMs: number;
  readonly maxWaitMs: number;
}

const help = `
Offers several times what the machine can take, and looks whether the service stays well.

Usage: npm run bench:overload -- [options]

  --seconds N          how long (default 120)
  --times N            so many times what was taken when nobody hurried it (default 4)
  --connections N      at most, of the load (default 1000)
  --accepted-ms N      99 of 100 that are accepted are answered within (default 8000, ADMISSION_MAX_WAIT_MS)
  --max-wait-ms N      ADMISSION_MAX_WAIT_MS of the service (default 8000); a lower one turns away sooner
  --turned-away-ms N   99 of 100 that are turned away are told so within, from when they are sent (default 1000)
  --rss-mib N          memory of the service at most (default 512)
  --healthy-ms N       a lone delivery is answered within, when all is well (default 500)
  --healthy-seconds N  so soon after the end all is well again (default 5)
  --help               this text
`.trim();

const defaults = {
  seconds: '120',
  times: '4',
  connections: '1000',
  'accepted-ms': '8000',
  'max-wait-ms': '8000',
  'turned-away-ms': '1000',
  'rss-mib': '512',
  'healthy-ms': '500',
  'healthy-seconds': '5',
} as const;

function readOptions(args: readonly string[]): OverloadOptions | 'help' {
  const option = (name: keyof typeof defaults) => ({ type: 'string', default: defaults[name] }) as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: option('seconds'),
      times: option('times'),
      connections: option('connections'),
      'accepted-ms': option('accepted-ms'),
      'max-wait-ms': option('max-wait-ms'),
      'turned-away-ms': option('turned-away-ms'),
      'rss-mib': option('rss-mib'),
      'healthy-ms': option('healthy-ms'),
      'healthy-seconds': option('healthy-seconds'),
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return 'help';
  return {
    seconds: readCount('seconds', values.seconds, 3_600),
    times: readCount('times', values.times, 100),
    connections: readCount('connections', values.connections, 20_000),
    maxWaitMs: readCount('max-wait-ms', values['max-wait-ms'], 600_000),
    acceptedMs: readCount('accepted-ms', values['accepted-ms'], 600_000),
    turnedAwayMs: readCount('turned-away-ms', values['turned-away-ms'], 600_000),
    rssMib: readCount('rss-mib', values['rss-mib'], 1_000_000),
    healthyMs: readCount('healthy-ms', values['healthy-ms'], 60_000),
    healthySeconds: readCount('healthy-seconds', values['healthy-seconds'], 600),
  };
}

// A wait that is shorter than a commit may take is a contradiction to the service.
function settingsOf({ maxWaitMs }: OverloadOptions): Record<string, string> {
  const commitSeconds = Math.max(1, Math.min(5, Math.floor((maxWaitMs - 1) / 1_000)));
  return { ADMISSION_MAX_WAIT_MS: String(maxWaitMs), COMMIT_TIMEOUT_SECONDS: String(commitSeconds) };
}

const preparedCount = 60_000;
const warmUpSeconds = 3;
const capacitySeconds = 10;
const capacityConnections = 512;
async function run(options: OverloadOptions, bench: Bench): Promise<boolean> {
  const { signal, undo } = bench;
  const secret = randomBytes(24).toString('hex');
  const service = await startOnPostgres(settingsOf(options), { secret, signal });
  undo.push(service.stop);
  const job = {
    url: new URL('/webhooks/ilive', service.address).href,
    secret,
    maxConnections: options.connections,
    prepared: preparedCount,
  };
  const child = forkLoad('overload-load.ts', job, signal);
  undo.push(async () => void child.kill());
  await untilTold<OverloadMessage, 'ready'>(child, 'ready', signal);
  const order = async (what: OverloadOrder): Promise<OverloadResult> => {
    child.send(what);
    return (await untilTold<OverloadMessage, 'ended'>(child, 'ended', signal)).result;
  };
  const probe = createProbe(service.address, secret);
  // As many as a proxy in front would hold open: Node takes one new connection a turn of its event loop, so thousands at the
  // worst moment would measure that and nothing else.
  await order({ how: 'closed', connections: options.connections, seconds: warmUpSeconds });
  await untilProcessed(service, signal);
  const before = await probeFor(probe, probesLooked * 2, signal);
  const calm = await order({
    how: 'closed',
    connections: Math.min(capacityConnections, options.connections),
    seconds: capacitySeconds,
  });
  await untilProcessed(service, signal);
  const capacity = calm.accepted.count / calm.seconds;
  const perSecond = Math.round(capacity * options.times);
  console.log(
    `taken when each waits for its answer: ${capacity.toFixed(0)} a second; offering ${perSecond} a second`,
  );
  const memory = watchMemory(service.pid);
  undo.push(async () => void memory.stop());
  const readiness = watchReadiness(service.address);
  undo.push(async () => void readiness.stop());
  const loaded = await order({ how: 'open', perSecond, seconds: options.seconds });
  const atRest = performance.now();
  const healthyMs = await untilHealthy(probe, options.healthyMs, atRest, signal);
  return judge(options, {
    service,
    capacity,
    perSecond,
    loaded,
    before,
    healthyMs,
    peakMib: memory.stop(),
    readiness: readiness.stop(),
    acceptedCount: await countAccepted(service, signal),
  });
}

async function untilProcessed(service: StartedService, signal: AbortSignal): Promise<void> {
  for (;;) {
    const metrics = await readMetrics(service.address);
    if ((metrics.get('ilive_deliveries_owed') ?? 0) === 0) return;
    await wait(200, undefined, { signal });
  }
}

async function countAccepted(service: StartedService, signal: AbortSignal): Promise<number> {
  await untilProcessed(service, signal);
  const db = connectOnce(service.databaseUrl);
  const [row] = await db.query<{ count: number }>({ text: 'select count(*)::int as count from deliveries' });
  await db.close();
  return row?.count ?? 0;
}

interface Outcome {
  readonly service: StartedService;
  readonly capacity: number;
  readonly perSecond: number;
  readonly loaded: OverloadResult;
  readonly before: readonly number[];
  readonly healthyMs: number | undefined;
  readonly peakMib: number;
  readonly readiness: { readonly lost: readonly string[]; readonly slowestMs: number };
  readonly acceptedCount: number;
}

async function judge(options: OverloadOptions, outcome: Outcome): Promise<boolean> {
  const { loaded, before, healthyMs, peakMib, readiness, capacity, perSecond, service } = outcome;
  const metrics = await readMetrics(service.address);
  const { accepted, turnedAway, turnedAwaySinceSent, others, unsentCount } = loaded;
  const told = metrics.get('ilive_deliveries_received_total') ?? 0;
  const rate = (count: number) => `${count} (${(count / loaded.seconds).toFixed(0)} a second)`;
  const show = ({ p50Ms, p99Ms, maxMs }: Times) =>
    `p50 ${p50Ms.toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms, at most ${maxMs.toFixed(0)} ms`;
  console.log(`
offered                  ${perSecond} a second for ${options.seconds} s, ${(perSecond / capacity).toFixed(1)} times what is taken; ${loaded.connections} connections
answered 202             ${rate(accepted.count)}: ${show(accepted)}
answered 503             ${rate(turnedAway.count)}: ${show(turnedAway)}
  from when it was sent  ${show(turnedAwaySinceSent)}
otherwise                ${JSON.stringify(others)}
given up by the sender   ${rate(unsentCount)}, since every connection was taken
made while it ran        ${loaded.lateCount}
memory at most           ${peakMib.toFixed(0)} MiB
readiness                lost ${readiness.lost.length} times ${readiness.lost.join('; ')}, told within ${readiness.slowestMs.toFixed(0)} ms
a lone delivery before   p99 ${quantile(before, 0.99).toFixed(0)} ms; as quick as it should be again ${healthyMs === undefined ? 'never' : `${(Math.max(0, healthyMs) / 1000).toFixed(1)} s`} after the end
in the tables            ${outcome.acceptedCount} of ${told}`);
  return (
    accepted.count > 0 &&
    accepted.p99Ms <= options.acceptedMs &&
    turnedAwaySinceSent.p99Ms <= options.turnedAwayMs &&
    Object.keys(others).length === 0 &&
    readiness.lost.length === 0 &&
    peakMib <= options.rssMib &&
    healthyMs !== undefined &&
    healthyMs <= options.healthySeconds * 1000 &&
    outcome.acceptedCount === told
  );
}

runBench(help, readOptions, run);
