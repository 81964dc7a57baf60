// `npm run simulate`: the pretend vendor against any running service, near or far, or its REST API alone. Secrets are best
// given in the environment, where no list of processes shows them. Against a service it reads everything back over the
// service's API and exits 0 only when the tables match the oracle.
import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { asServiceError, ServiceError } from '../errors.ts';
import {
  defaultTemplate,
  parseTemplate,
  type SecretEncoding,
  secretEncodings,
  signingKey,
} from '../ilive/signature.ts';
import { Secret } from '../secret.ts';
import { readArguments, readFaults, readUrl, readWholeNumber } from './arguments.ts';
import type { Signing } from './deliver.ts';
import { createProgressDisplay } from './progress.ts';
import { writeReport } from './report.ts';
import { apiHelp, apiOptions, readApiOptions, runApi } from './run-api.ts';
import { type RunOptions, runScenario } from './run-scenario.ts';
import { planScenario } from './scenario.ts';
import { summarize } from './summary.ts';

const help = `
Plays iLive to a service that is running, and checks over its API that its tables
hold exactly what they must.

Usage: npm run simulate -- --target URL [options]

  --target URL          the webhook route, such as http://localhost:8080/webhooks/ilive
  --api-url URL         the service's API (default: the origin of --target)
  --api-key KEY         a key for it (better: BOOTSTRAP_API_KEY in the environment)
  --secret SECRET       the signing secret (better: ILIVE_WEBHOOK_SECRETS, which may list several)
  --sessions N          sessions to play (default 500)
  --seed N              the same seed plays the same scenario (default: a random one)
  --run LABEL           the same seed and label make the same ids (default: a random one)
  --rate N              messages a second, 0 for as many as possible (default 200)
  --concurrency N       messages under way at once (default 32)
  --faults LIST         all (default), none, or some: duplicate,tampered=0.1 or -slow
  --retry-delay-ms N    before the vendor's second attempt (default 1000)
  --wait-seconds N      for the service to be ready, and to finish its work (default 60)
  --json                print only the summary, as JSON
  --help                this text

ILIVE_SECRET_ENCODING and ILIVE_SIGNATURE_TEMPLATE mean what they mean to the service.
Exits 0 when the tables match, 1 when they differ, 2 when the command line is wrong.

Examples:
  npm run simulate -- --target http://localhost:8080/webhooks/ilive
  npm run simulate -- --target https://example.com/webhooks/ilive --sessions 5000 --rate 0
  npm run simulate -- --api-port 9090 --drop 0.3 --speed 60

${apiHelp}
`.trim();

interface Settings {
  readonly run: Omit<RunOptions, 'onProgress' | 'scenario'>;
  readonly scenario: Parameters<typeof planScenario>[0];
  readonly waitMs: number;
  readonly isJson: boolean;
}

interface ApiSettings {
  readonly api: Parameters<typeof runApi>[0];
  readonly isSigningKnown: boolean;
}

async function main(): Promise<number> {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => controller.abort());
  const settings = readSettings(process.argv.slice(2), process.env, controller.signal);
  if (settings === 'help') {
    console.log(help);
    return 0;
  }
  if ('api' in settings) {
    await runApi(settings.api, settings.isSigningKnown, controller.signal);
    return 0;
  }
  const { run, scenario, isJson } = settings;
  const progress = createProgressDisplay(process.stdout, isJson);
  await untilReady(run.api.url, settings.waitMs, controller.signal);
  if (!isJson)
    console.log(`\n  Playing iLive to ${run.url.href}: seed ${scenario.seed}, run ${scenario.label}\n`);
  try {
    const result = await runScenario({
      ...run,
      scenario: planScenario({ ...scenario, now: new Date() }),
      onProgress: progress.show,
    });
    progress.finish();
    const summary = summarize(result);
    console.log(isJson ? JSON.stringify(summary, null, 2) : `${writeReport(summary, process.stdout)}\n`);
    return summary.matchesOracle ? 0 : 1;
  } finally {
    progress.finish();
  }
}

function readSettings(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Settings | ApiSettings | 'help' {
  const values = readArguments(args, {
    target: { type: 'string' },
    'api-url': { type: 'string' },
    'api-key': { type: 'string' },
    secret: { type: 'string' },
    sessions: { type: 'string', default: '500' },
    seed: { type: 'string', default: String(randomInt(1, 10_000)) },
    run: { type: 'string', default: randomBytes(4).toString('hex') },
    rate: { type: 'string', default: '200' },
    concurrency: { type: 'string', default: '32' },
    faults: { type: 'string', default: 'all' },
    'retry-delay-ms': { type: 'string', default: '1000' },
    'wait-seconds': { type: 'string', default: '60' },
    json: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
    ...apiOptions,
  });
  if (values.help) return 'help';
  if (values['api-port'] !== undefined) {
    const known = values.secret ?? env.ILIVE_WEBHOOK_SECRETS;
    const signing = known === undefined ? undefined : readSigning(known, env);
    const api = readApiOptions(
      { ...values, 'api-port': values['api-port'], target: values.target, 'api-key': values['api-key'] },
      signing,
    );
    return { api, isSigningKnown: known !== undefined };
  }
  const url = readUrl('target', required('--target', values.target), ['http', 'https']);
  const apiUrl = readUrl('api-url', values['api-url'] ?? url.origin, ['http', 'https']);
  const apiKey = required('--api-key or BOOTSTRAP_API_KEY', values['api-key'] ?? env.BOOTSTRAP_API_KEY);
  const secrets = required('--secret or ILIVE_WEBHOOK_SECRETS', values.secret ?? env.ILIVE_WEBHOOK_SECRETS);
  const waitMs = readWholeNumber('wait-seconds', values['wait-seconds'], 0, 86_400) * 1000;
  return {
    run: {
      url,
      signing: readSigning(secrets, env),
      api: { url: apiUrl.href, key: new Secret(apiKey), signal },
      ratePerSecond: readWholeNumber('rate', values.rate, 0, 100_000),
      concurrency: readWholeNumber('concurrency', values.concurrency, 1, 1_000),
      retryDelayMs: readWholeNumber('retry-delay-ms', values['retry-delay-ms'], 0, 600_000),
      settleTimeoutMs: waitMs,
    },
    scenario: {
      seed: readWholeNumber('seed', values.seed, 0, 4_294_967_295),
      label: values.run,
      sessionCount: readWholeNumber('sessions', values.sessions, 1, 1_000_000),
      now: new Date(0),
      faults: readFaults(values.faults),
    },
    waitMs,
    isJson: values.json === true,
  };
}

function required(name: string, value: string | undefined): string {
  if (value !== undefined && value !== '') return value;
  throw new ServiceError('config_invalid', `${name} is needed. See --help.`);
}

function readSigning(secrets: string, env: NodeJS.ProcessEnv): Signing {
  const encoding = env.ILIVE_SECRET_ENCODING || 'utf8';
  if (!secretEncodings.some((known) => known === encoding)) {
    throw new ServiceError(
      'config_invalid',
      `ILIVE_SECRET_ENCODING must be one of ${secretEncodings.join(', ')}.`,
    );
  }
  const template = parseTemplate(env.ILIVE_SIGNATURE_TEMPLATE || defaultTemplate);
  if (typeof template === 'string') {
    throw new ServiceError('config_invalid', `ILIVE_SIGNATURE_TEMPLATE: ${template}.`);
  }
  const [first, ...others] = secrets
    .split(',')
    .map((secret) => secret.trim())
    .filter((secret) => secret !== '')
    .map((secret) => signingKey(secret, encoding as SecretEncoding));
  if (first === undefined)
    throw new ServiceError('config_invalid', 'There is no signing secret in the list.');
  return { keys: [first, ...others], template };
}

const readyPauseMs = 250;

// Started together with the service, as containers are, we are often there first.
async function untilReady(apiUrl: string, waitMs: number, signal: AbortSignal): Promise<void> {
  const url = new URL('/readyz', apiUrl);
  const deadline = performance.now() + waitMs;
  for (;;) {
    const said = await fetch(url, { signal }).then(
      (response) => (response.ok ? 'ready' : `it answers ${response.status}`),
      (error: unknown) => String((error as { cause?: unknown }).cause ?? error),
    );
    signal.throwIfAborted();
    if (said === 'ready') return;
    if (performance.now() > deadline) {
      throw new ServiceError('unavailable', `The service at ${url.origin} is not ready: ${said}.`);
    }
    await sleep(readyPauseMs, undefined, { signal });
  }
}

main().then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    console.error(error instanceof Error ? `\n  ${error.message}\n` : error);
    process.exitCode = asServiceError(error).code === 'config_invalid' ? 2 : 1;
  },
);
