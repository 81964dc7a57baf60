// `npm run demo`: the real service as a child process, the pretend vendor against it with its REST API, and a summary that
// anyone can read. Secrets and keys are made for this run alone. The child and its temporary folder never outlive us,
// however we end.
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { ServiceError } from '../errors.ts';
import { defaultTemplate } from '../ilive/signature.ts';
import { Secret } from '../secret.ts';
import { startVendorApi, type VendorApi } from './api.ts';
import { type ChildService, startChildService } from './child-service.ts';
import { writeCurlLines } from './curl-lines.ts';
import { type DemoOptions, demoHelp, readDemoOptions } from './demo-options.ts';
import { createLiveVendor, planLiveSessions } from './live-vendor.ts';
import { createProgressDisplay } from './progress.ts';
import { writeReport, writeWarnings } from './report.ts';
import { type Run, runScenario } from './run-scenario.ts';
import { planScenario, type Scenario } from './scenario.ts';
import { summarize } from './summary.ts';
import { untilAborted } from './until-aborted.ts';

const exitCodes = { ok: 0, different: 1, usage: 2, interrupted: 130 } as const;
const startTimeoutMs = 120_000;
const settleTimeoutMs = 120_000;
const publicWebhookUrl = 'https://demo.example.com/webhooks/ilive';
// Sessions are created so long before they end, and asked about so long after that.
const aheadSeconds = 0.5;
const aheadCount = 64;
const pullFirstAfterSeconds = 2;
const pullIntervalMs = 200;
const retryDelayMs = 300;
const concurrency = 32;

interface Demo {
  readonly options: DemoOptions;
  readonly secrets: readonly [string, string];
  readonly apiKey: string;
  readonly dataDir: string;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

/** The pretend vendor: what it will say, and its API. */
interface Vendor {
  readonly scenario: Scenario;
  readonly api: VendorApi;
}

async function main(): Promise<number> {
  const options = readDemoOptions(process.argv.slice(2), process.env);
  if (options === 'help') {
    console.log(demoHelp);
    return exitCodes.ok;
  }
  const say = options.isJson ? () => {} : (text: string) => console.log(text);
  const controller = new AbortController();
  const onSignal = () => {
    // Whoever insists is not made to wait: what we leave behind now, the child's watcher stops and removes.
    if (controller.signal.aborted) process.exit(exitCodes.interrupted);
    controller.abort();
    say('\n  Stopping …');
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal);
  const dataDir = await createDataDir(options);
  try {
    return await runDemo({
      options,
      secrets: [randomBytes(24).toString('hex'), randomBytes(24).toString('hex')],
      apiKey: `demo-${randomBytes(12).toString('hex')}`,
      dataDir,
      signal: controller.signal,
      say,
    });
  } catch (error) {
    if (!controller.signal.aborted) throw error;
    return exitCodes.interrupted;
  } finally {
    if (options.keepDir === undefined) await rm(dataDir, { recursive: true, force: true });
    if (controller.signal.aborted) say('  Stopped. Goodbye.\n');
  }
}

async function createDataDir({ keepDir }: DemoOptions): Promise<string> {
  if (keepDir !== undefined) {
    await mkdir(keepDir, { recursive: true });
    return path.resolve(keepDir);
  }
  const dir = await mkdtemp(path.join(os.tmpdir(), 'ilive-demo-'));
  await chmod(dir, 0o711); // started by root, Postgres runs as another user and has to get through
  return dir;
}

async function runDemo(demo: Demo): Promise<number> {
  const { options, say } = demo;
  say('\n  ilive-webhooks: the demo\n');
  say(`  Starting the service with ${options.databaseUrl ? 'your Postgres' : 'a Postgres of its own'} …`);
  const vendor = await startVendor(options);
  try {
    return await runService(demo, vendor);
  } finally {
    await vendor.api.stop();
  }
}

async function startVendor(options: DemoOptions): Promise<Vendor> {
  const scenario = planScenario({
    ...options,
    label: randomBytes(4).toString('hex'),
    now: new Date(),
    isLive: true,
  });
  const api = await startVendorApi({
    served: [options.dialect],
    limits: { perMinute: 0, perSecond: 0 },
    planSession: planLiveSessions(scenario),
    isHttpsOnly: true,
  });
  return { scenario, api };
}

async function runService(demo: Demo, vendor: Vendor): Promise<number> {
  const { options, say } = demo;
  const service = await startService(demo, vendor);
  try {
    const queue = service.queue === 'redis' ? 'Redis' : 'Postgres';
    say(`  It listens on ${service.address}; its queue lives in ${queue}.`);
    say(`  Playing iLive: ${options.sessionCount} sessions, ${paceOf(options)}, seed ${options.seed};`);
    say(`  ${percentOf(options.dropShare)} of their webhooks never come, and have to be asked for.\n`);
    const run = await play(demo, service, vendor);
    const summary = summarize(run);
    const exitCode = summary.differences.length === 0 ? exitCodes.ok : exitCodes.different;
    if (options.isJson) {
      const database = options.databaseUrl === undefined ? 'embedded' : 'given';
      console.log(
        JSON.stringify(
          { queue: service.queue, database, serviceWarnings: service.log.warnings(), ...summary },
          null,
          2,
        ),
      );
    }
    say(`${writeReport(summary, process.stdout)}\n`);
    const warnings = writeWarnings(service.log.warnings());
    if (warnings !== '') say(warnings);
    if (!options.isOnce) await stay(demo, service, run);
    return exitCode;
  } finally {
    await service.stop();
  }
}

function startService(
  { options, secrets, apiKey, dataDir, signal }: Demo,
  { api }: Vendor,
): Promise<ChildService> {
  return startChildService({
    settings: {
      PORT: '0',
      HOST: '127.0.0.1',
      DATA_DIR: dataDir,
      QUEUE_PREFIX: `demo-${randomBytes(4).toString('hex')}`,
      ILIVE_WEBHOOK_SECRETS: secrets.join(','),
      BOOTSTRAP_API_KEY: apiKey,
      API_RATE_PER_MINUTE: '0',
      ILIVE_API_URL: api.url,
      ILIVE_API_KEY: api.apiKey,
      ILIVE_DIALECT: options.dialect,
      ILIVE_RATE_PER_MINUTE: '0',
      ILIVE_RATE_PER_SECOND: '0',
      PUBLIC_WEBHOOK_URL: publicWebhookUrl,
      ENCRYPTION_KEYS: `demo:${randomBytes(32).toString('base64')}`,
      CONFIRM: options.confirm,
      PULL_FIRST_AFTER_SECONDS: String(pullFirstAfterSeconds),
      PULL_INTERVAL_MS: String(pullIntervalMs),
      ...(options.databaseUrl === undefined ? {} : { DATABASE_URL: options.databaseUrl }),
      ...(options.redisUrl === undefined ? {} : { REDIS_URL: options.redisUrl }),
    },
    startTimeoutMs,
    temporaryDir: options.keepDir === undefined ? dataDir : undefined,
    signal,
  });
}

async function play(
  { options, secrets, apiKey, signal }: Demo,
  service: ChildService,
  { scenario, api: vendor }: Vendor,
): Promise<Run> {
  const progress = createProgressDisplay(process.stdout, options.isJson);
  const stopped = new AbortController();
  // A service that dies must end the run at once, and not after every message has failed twice.
  void service.ended.then((how) =>
    stopped.abort(
      new Error(`The service ended in the middle of the run (${how}):\n${service.log.lastLines()}`),
    ),
  );
  const api = {
    url: service.address,
    key: new Secret(apiKey),
    signal: AbortSignal.any([signal, stopped.signal]),
  };
  const { dialect, ratePerSecond } = options;
  const [first, second] = secrets.map((secret) => Buffer.from(secret));
  try {
    return await runScenario({
      scenario,
      live: createLiveVendor({
        scenario,
        vendor,
        api,
        dialect,
        aheadCount: ratePerSecond === 0 ? aheadCount : Math.ceil(ratePerSecond * aheadSeconds),
        webhookUrl: publicWebhookUrl,
      }),
      url: new URL('/webhooks/ilive', service.address),
      signing: {
        keys: [first ?? Buffer.alloc(0), second ?? Buffer.alloc(0)],
        template: defaultTemplate,
      },
      api,
      ratePerSecond,
      concurrency,
      retryDelayMs,
      settleTimeoutMs,
      allowedLost: 0, // the service is our own and stays up: each is answered
      onProgress: progress.show,
    });
  } catch (error) {
    throw stopped.signal.aborted ? stopped.signal.reason : error;
  } finally {
    progress.finish();
  }
}

async function stay({ apiKey, signal, say }: Demo, service: ChildService, run: Run): Promise<void> {
  say(`  Look for yourself; the service keeps running:\n\n${writeCurlLines(service.address, apiKey, run)}`);
  say('\n  Ctrl-C stops it.');
  const how = await Promise.race([untilAborted(signal), service.ended]);
  if (how !== undefined) throw new Error(`The service ended by itself (${how}):\n${service.log.lastLines()}`);
}

function percentOf(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function paceOf({ ratePerSecond }: DemoOptions): string {
  return ratePerSecond === 0 ? 'as fast as it takes them' : `${ratePerSecond} messages a second`;
}

main().then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    const isUsage = error instanceof ServiceError && error.code === 'config_invalid';
    console.error(error instanceof Error ? `\n  ${error.message}\n` : error);
    process.exitCode = isUsage ? exitCodes.usage : exitCodes.different;
  },
);
