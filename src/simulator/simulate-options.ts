// The command line of `npm run simulate`. What matters only beside --api-port, or only without it, is refused where it would
// change nothing.
import { randomBytes, randomInt } from 'node:crypto';
import { ServiceError } from '../errors.ts';
import {
  defaultTemplateText,
  parseTemplate,
  type SecretEncoding,
  secretEncodings,
  signingKey,
} from '../ilive/signature.ts';
import { Secret } from '../secret.ts';
import { readArguments, readFaults, readSeed, readUrl, readWholeNumber, refuseOptions } from './arguments.ts';
import type { Signing } from './deliver.ts';
import { apiHelp, apiOptions, readApiOptions, type runApi } from './run-api.ts';
import type { RunOptions } from './run-scenario.ts';
import type { planScenario } from './scenario.ts';

export const simulateHelp = `
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
  --allow-lost N        requests that may fail twice, so that nobody can judge them (default 0)
  --json                print only the summary, as JSON
  --help                this text

ILIVE_SECRET_ENCODING and ILIVE_SIGNATURE_TEMPLATE mean what they mean to the service.
Exits 0 when nothing differs, 1 when something does or the service cannot be asked, 2 when
the command line is wrong, 130 when it is interrupted.

Examples:
  npm run simulate -- --target http://localhost:8080/webhooks/ilive
  npm run simulate -- --target https://example.com/webhooks/ilive --sessions 5000 --rate 0
  npm run simulate -- --target http://localhost:8080/webhooks/ilive --faults -slow,-cut
  npm run simulate -- --api-port 9090 --drop 0.3 --speed 60

${apiHelp}
`.trim();

export interface SimulateSettings {
  readonly run: Omit<RunOptions, 'onProgress' | 'scenario'>;
  readonly scenario: Parameters<typeof planScenario>[0];
  readonly waitMs: number;
  readonly isJson: boolean;
}

export interface ApiSettings {
  readonly api: Parameters<typeof runApi>[0];
  readonly isSigningKnown: boolean;
}

const commonOptions = {
  target: { type: 'string' },
  'api-key': { type: 'string' },
  secret: { type: 'string' },
  seed: { type: 'string', default: String(randomInt(1, 10_000)) },
  help: { type: 'boolean', short: 'h' },
} as const;

const runOptions = {
  'api-url': { type: 'string' },
  sessions: { type: 'string', default: '500' },
  run: { type: 'string', default: randomBytes(4).toString('hex') },
  rate: { type: 'string', default: '200' },
  concurrency: { type: 'string', default: '32' },
  faults: { type: 'string', default: 'all' },
  'retry-delay-ms': { type: 'string', default: '1000' },
  'wait-seconds': { type: 'string', default: '60' },
  'allow-lost': { type: 'string', default: '0' },
  json: { type: 'boolean' },
} as const;

/** Throws `config_invalid` with a sentence; `help` when that is what was asked for. */
export function readSimulateSettings(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): SimulateSettings | ApiSettings | 'help' {
  const options = { ...commonOptions, ...runOptions, ...apiOptions };
  const values = readArguments(args, options);
  if (values.help) return 'help';
  if (values['api-port'] !== undefined) {
    refuseOptions(args, options, { meaningless: runOptions, why: 'with --api-port' });
    const known = values.secret ?? env.ILIVE_WEBHOOK_SECRETS;
    const signing = known === undefined ? undefined : readSigning(known, env);
    const api = readApiOptions(
      { ...values, 'api-port': values['api-port'], target: values.target, 'api-key': values['api-key'] },
      signing,
    );
    return { api, isSigningKnown: known !== undefined };
  }
  refuseOptions(args, options, { meaningless: apiOptions, why: 'without --api-port' });
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
      allowedLost: readWholeNumber('allow-lost', values['allow-lost'], 0, 1_000_000_000),
    },
    scenario: {
      seed: readSeed(values.seed),
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
  const template = parseTemplate(env.ILIVE_SIGNATURE_TEMPLATE || defaultTemplateText);
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
