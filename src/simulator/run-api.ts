// `npm run simulate -- --api-port N`: the pretend REST API alone, for whoever wants to point a service or a client at it.
// Says where it is and which key it takes, and then one line for whatever somebody should know of.
import { randomBytes } from 'node:crypto';
import { ServiceError } from '../errors.ts';
import { startVendorApi, type VendorApiOptions } from './api.ts';
import { dialects } from './api-routes.ts';
import type { Outage } from './api-server.ts';
import { readSeed, readShare, readUrl, readWholeNumber, readWord } from './arguments.ts';
import type { Signing } from './deliver.ts';
import { untilAborted } from './until-aborted.ts';

export const apiOptions = {
  'api-port': { type: 'string' },
  dialect: { type: 'string', default: 'both' },
  speed: { type: 'string', default: '1' },
  'median-seconds': { type: 'string', default: '25' },
  abandoned: { type: 'string', default: '0.05' },
  drop: { type: 'string', default: '0' },
  unsigned: { type: 'string', default: '0' },
  contradicting: { type: 'string', default: '0' },
  duplicated: { type: 'string', default: '0' },
  limits: { type: 'string', default: '600/50' },
  'token-refusal': { type: 'string', default: '401' },
  slow: { type: 'string', default: '0' },
  outage: { type: 'string', multiple: true, default: [] },
} satisfies Record<string, { type: 'string'; default?: string | string[]; multiple?: boolean }>;

export const apiHelp = `
The pretend REST API alone, until Ctrl-C; it sends webhooks when sessions end. Apart from
--target, --api-key, --secret and --seed no option belongs to both:

  --api-port N          listen here, 0 for any free port
  --target URL          where webhooks of sessions without a webhook_url go
  --api-key KEY         the key that it takes (default: one made up)
  --dialect NAME        reference, managed or both (default)
  --speed N             its time runs N times as fast (default 1)
  --median-seconds N    half of the sessions end within this time (default 25)
  --abandoned SHARE     sessions that never end (default 0.05)
  --drop SHARE          webhooks that never come (default 0); also --unsigned,
                        --contradicting and --duplicated
  --limits M/S          calls a minute and a second, 0 for no limit (default 600/50)
  --token-refusal N     401 (default) or 404 for a wrong or dead session token
  --slow SHARE          answers that take 5 s of its time (default 0)
  --outage AFTER+FOR    seconds of its time; may be given more than once, and with a
                        kind: 60+600, 60+600:refused, :reset, :silent, :500 or :502
`.trim();

/** The values of these options, as texts. */
export interface ApiValues {
  readonly 'api-port': string;
  readonly target: string | undefined;
  readonly 'api-key': string | undefined;
  readonly seed: string;
  readonly dialect: string;
  readonly speed: string;
  readonly 'median-seconds': string;
  readonly abandoned: string;
  readonly drop: string;
  readonly unsigned: string;
  readonly contradicting: string;
  readonly duplicated: string;
  readonly limits: string;
  readonly 'token-refusal': string;
  readonly slow: string;
  readonly outage: readonly string[];
}

const slowMs = 5_000;

/** Reads the options; throws `config_invalid` with a sentence. `signing` is undefined where no secret was given. */
export function readApiOptions(values: ApiValues, signing: Signing | undefined): VendorApiOptions {
  const dialect = readWord('dialect', values.dialect, [...dialects, 'both'] as const);
  const target =
    values.target === undefined ? undefined : readUrl('target', values.target, ['http', 'https']);
  const share = (name: 'abandoned' | 'drop' | 'unsigned' | 'contradicting' | 'duplicated' | 'slow') =>
    readShare(name, values[name]);
  return {
    port: readWholeNumber('api-port', values['api-port'], 0, 65_535),
    keys: [{ name: 'given', key: values['api-key'] ?? `iksk_live_${randomBytes(24).toString('hex')}` }],
    seed: readSeed(values.seed),
    served: dialect === 'both' ? dialects : [dialect],
    speed: readWholeNumber('speed', values.speed, 1, 10_000),
    sessions: {
      medianSeconds: readWholeNumber('median-seconds', values['median-seconds'], 0, 1_800),
      abandonedShare: share('abandoned'),
    },
    webhooks: {
      drop: share('drop'),
      unsigned: share('unsigned'),
      contradicting: share('contradicting'),
      duplicated: share('duplicated'),
    },
    limits: readLimits(values.limits),
    tokenRefusal:
      readWord('token-refusal', values['token-refusal'], ['401', '404'] as const) === '401' ? 401 : 404,
    latency: { share: share('slow'), ms: slowMs },
    outages: values.outage.map(readOutage),
    sending: {
      ...(signing === undefined ? {} : { signing }),
      resolve: (webhookUrl) => (webhookUrl === null ? target : new URL(webhookUrl)),
    },
  };
}

function readLimits(text: string): { perMinute: number; perSecond: number } {
  const [, perMinute, perSecond] = /^(\d{1,7})\/(\d{1,7})$/.exec(text) ?? [];
  if (perMinute !== undefined) return { perMinute: Number(perMinute), perSecond: Number(perSecond) };
  throw new ServiceError('config_invalid', `--limits must be like 600/50, not "${text}".`);
}

const outageKinds: Readonly<Record<string, Outage>> = {
  refused: 'refused',
  reset: 'reset',
  silent: 'silent',
  '500': 500,
  '502': 502,
  '503': 503,
};

function readOutage(text: string): { afterMs: number; forMs: number; kind: Outage } {
  const [, after, lasts, name = '503'] = /^(\d{1,7})\+(\d{1,7})(?::(\w+))?$/.exec(text) ?? [];
  const kind = Object.hasOwn(outageKinds, name) ? outageKinds[name] : undefined;
  if (after === undefined || kind === undefined) {
    throw new ServiceError('config_invalid', `--outage must be like 60+600 or 60+600:reset, not "${text}".`);
  }
  return { afterMs: Number(after) * 1000, forMs: Number(lasts) * 1000, kind };
}

/** Runs it until `signal` is aborted. */
export async function runApi(
  options: VendorApiOptions,
  isSigningKnown: boolean,
  signal: AbortSignal,
): Promise<void> {
  const api = await startVendorApi(options);
  const served = (options.served ?? dialects).join(' and ');
  console.log(`\n  A pretend iLive listens; its time runs ${options.speed ?? 1} times as fast.\n`);
  console.log(`    base URL   ${api.url}\n    API key    ${api.apiKey}\n    dialect    ${served}`);
  if (!isSigningKnown) {
    console.log('\n  Its webhooks are signed with a secret that nobody knows: give one with --secret.');
  }
  console.log('\n  Ctrl-C stops it.');
  try {
    await untilAborted(signal);
  } finally {
    await api.stop();
    const ended = [...api.sessions.values()].filter(({ endsAtMicros }) => endsAtMicros !== null).length;
    const fates = Object.entries(Object.groupBy(api.webhooks, ({ fate }) => fate));
    const told = fates.map(([fate, entries]) => `${entries?.length ?? 0} ${fate.replaceAll('_', ' ')}`);
    console.log(`\n  ${api.log.length} calls, ${api.sessions.size} sessions, ${ended} of them to end;`);
    console.log(`  webhooks: ${told.join(', ') || 'none'}.\n`);
  }
}
