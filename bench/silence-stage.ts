// The stage of the experiment about silence: the pretend iLive, the real service and a Postgres of its own, in this one
// process and on one fast clock that waits for the machine. Both sides know the Standard tier's limits. Postgres runs without fsync, because what
// is measured is the policy and not the disk.
import { randomBytes } from 'node:crypto';
import { parseConfig } from '../src/config.ts';
import { defaultTemplate, signingKey } from '../src/ilive/signature.ts';
import type { Log } from '../src/log.ts';
import { createService } from '../src/service.ts';
import { startVendorApi, type VendorApi } from '../src/simulator/api.ts';
import { waitBy } from '../src/simulator/api-clock.ts';
import type { Bench } from './run-bench.ts';
import { createHeldClock } from './silence-clock.ts';
import { startGovernor } from './silence-governor.ts';
import { limits, type SilenceOptions } from './silence-options.ts';
import { startPostgres } from './start-service.ts';

export interface Stage {
  readonly vendor: VendorApi;
  /** Such as `http://127.0.0.1:41234`. */
  readonly serviceUrl: string;
  readonly serviceKey: string;
  /** The other key of the account, whose calls nobody counts. */
  readonly unlimitedKey: string;
  readonly databaseUrl: string;
  /** The service's warnings and errors so far, counted by message. */
  readonly warnings: Readonly<Record<string, number>>;
}

const secret = randomBytes(24).toString('hex');
const neverAborted = new AbortController().signal;
// At the simulated pace: what the service does by default every real second.
const usualPullIntervalMs = 1_000;
const shortestPullIntervalMs = 10;

export async function setStage(options: SilenceOptions, undo: Bench['undo']): Promise<Stage> {
  const hasty = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' };
  const { url: databaseUrl, stop } = await startPostgres(hasty);
  undo.push(stop);
  const clock = createHeldClock(options.speed);
  const key = () => `iksk_live_${randomBytes(24).toString('hex')}`;
  const account = 'company';
  const unlimitedKey = key();
  const front: { url: URL | undefined } = { url: undefined };
  const vendor = await startVendorApi({
    clock,
    seed: options.seed,
    // Two keys of one account: what one creates the other may ask about, and each has a budget of its own.
    keys: [
      { name: account, key: key() },
      { name: account, key: unlimitedKey, limits: { perMinute: 0, perSecond: 0 } },
    ],
    limits,
    sessions: { abandonedShare: options.abandonedShare },
    webhooks: { drop: options.dropShare },
    sending: {
      signing: { keys: [signingKey(secret, 'utf8')], template: defaultTemplate },
      resolve: () => front.url,
    },
  });
  undo.push(() => vendor.stop());
  const warnings: Record<string, number> = {};
  const serviceKey = randomBytes(24).toString('hex');
  const env = environmentOf(options, vendor, { databaseUrl, serviceKey });
  const service = createService(parseConfig(env), {
    now: () => new Date(clock.now()),
    wait: (ms, signal = neverAborted) => waitBy(clock, ms, signal),
    log: countWarnings(warnings),
  });
  undo.push(() => service.stop());
  await service.start();
  const serviceUrl = service.address();
  const governor = startGovernor(databaseUrl, clock);
  undo.push(() => governor.stop());
  front.url = new URL(`${serviceUrl}/webhooks/ilive`);
  return { vendor, serviceUrl, serviceKey, unlimitedKey, databaseUrl, warnings };
}

function environmentOf(
  { dialect, concurrency, speed }: SilenceOptions,
  vendor: VendorApi,
  { databaseUrl, serviceKey }: { databaseUrl: string; serviceKey: string },
): Record<string, string> {
  return {
    PORT: '0',
    HOST: '127.0.0.1',
    DATABASE_URL: databaseUrl,
    OUTAGE_STORE_MAX_BYTES: '0', // nothing of it must be left for the next run, which has another database
    BOOTSTRAP_API_KEY: serviceKey,
    API_RATE_PER_MINUTE: '0',
    ILIVE_WEBHOOK_SECRETS: secret,
    ILIVE_API_URL: vendor.url,
    ILIVE_API_KEY: vendor.apiKey,
    ILIVE_DIALECT: dialect,
    ILIVE_RATE_PER_MINUTE: String(limits.perMinute),
    ILIVE_RATE_PER_SECOND: String(limits.perSecond),
    PUBLIC_WEBHOOK_URL: 'https://hooks.example.com/webhooks/ilive',
    ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
    PULL_CONCURRENCY: String(concurrency),
    PULL_INTERVAL_MS: String(Math.max(shortestPullIntervalMs, Math.round(usualPullIntervalMs / speed))),
    // On the simulated clock: what takes the real machine a moment may take minutes of it.
    PULL_LEASE_SECONDS: '3600',
    // A lease before a session's end is measured by it, and the time that is played runs faster.
    ILIVE_RESPONSE_TIMEOUT_SECONDS: '60',
    SWEEP_OVERDUE_SECONDS: '10',
    SWEEP_INTERVAL_SECONDS: '1',
  };
}

function countWarnings(warnings: Record<string, number>): Log {
  const count = (...said: unknown[]) => {
    const message = said.find((part) => typeof part === 'string') ?? 'without words';
    warnings[message] = (warnings[message] ?? 0) + 1;
  };
  return { debug: () => {}, info: () => {}, warn: count, error: count } as Log;
}
