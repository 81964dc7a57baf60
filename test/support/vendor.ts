// The real service with the pretend vendor as iLive, both on one fast clock: a minute of theirs passes in a second or two.
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { defaultTemplate, signingKey } from '../../src/ilive/signature.ts';
import { startVendorApi, type VendorApi, type VendorApiOptions } from '../../src/simulator/api.ts';
import { createClock } from '../../src/simulator/api-clock.ts';
import { findFreePort } from './free-port.ts';
import { apiKey, secret, startTestService, type TestService, type TestServiceOptions } from './service.ts';

export interface Together {
  readonly vendor: VendorApi;
  readonly service: TestService;
  /** Environment and clock for a further process of the same service. */
  readonly joining: TestServiceOptions;
  /** Creates sessions through the service; gives their ids. */
  create(count: number): Promise<string[]>;
  stop(): Promise<void>;
}

export interface TogetherOptions {
  readonly vendor?: VendorApiOptions;
  readonly service?: TestServiceOptions;
  readonly dialect?: 'reference' | 'managed';
  /** How many times faster than the wall's their time runs. */
  readonly speed?: number;
  /** What stands between the vendor's webhooks and the route; default: nothing. */
  readonly between?: (route: URL) => Promise<URL>;
}

/** Starts both; the service's webhook route is where the vendor's webhooks go. */
export async function startTogether(options: TogetherOptions = {}): Promise<Together> {
  const speed = options.speed ?? 30;
  const clock = createClock(speed);
  let front: URL | undefined;
  const vendor = await startVendorApi({
    port: await findFreePort(), // an outage may give it up for a while
    clock,
    ...options.vendor,
    sending: {
      signing: { keys: [signingKey(secret, 'utf8')], template: defaultTemplate },
      resolve: () => front,
    },
  });
  const overrides = {
    now: () => new Date(clock.now()),
    wait: (ms: number, signal?: AbortSignal) =>
      wait(ms / speed, undefined, signal === undefined ? {} : { signal }),
    ...options.service?.overrides,
  };
  const env = {
    ILIVE_API_URL: vendor.url,
    ILIVE_API_KEY: vendor.apiKey,
    ILIVE_DIALECT: options.dialect ?? 'reference',
    PUBLIC_WEBHOOK_URL: 'https://hooks.example.com/webhooks/ilive',
    ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
    PULL_INTERVAL_MS: '20',
    PULL_LEASE_SECONDS: '3600',
    // A lease before a session's end is measured by it, and the time that is played runs faster.
    ILIVE_RESPONSE_TIMEOUT_SECONDS: '60',
    SWEEP_OVERDUE_SECONDS: '60',
    // By the time that is played a delivery is soon old.
    LATE_AFTER_SECONDS: '3600',
    ...options.service?.env,
  };
  const service = await startTestService({ ...options.service, env, overrides });
  const route = new URL(`${service.url}/webhooks/ilive`);
  front = (await options.between?.(route)) ?? route;
  return {
    vendor,
    service,
    joining: { env, overrides, databaseUrl: service.databaseUrl },
    create: (count) =>
      Promise.all(Array.from({ length: count }, (_, index) => createSession(service.url, index))),
    stop: async () => {
      await service.stop();
      await vendor.stop();
    },
  };
}

async function createSession(url: string, index: number): Promise<string> {
  const response = await fetch(`${url}/v1/sessions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ reference_id: `user-${index}`, redirect_url: 'https://app.example.com/done' }),
  });
  const body = (await response.json()) as { session_id: string };
  if (response.status !== 201) throw new Error(`not created: ${response.status} ${JSON.stringify(body)}`);
  return body.session_id;
}
