// The real service for tests: built by the composition root, on port 0, on a database of its own, with either queue
// backend. What tests send goes through the front door over real HTTP, signed by the very code that iLive's signatures
// are verified with.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import type { Database } from '../../src/db/connect.ts';
import { defaultTemplate, sign, signingKey } from '../../src/ilive/signature.ts';
import type { Log } from '../../src/log.ts';
import type { Overrides } from '../../src/running.ts';
import { createService, type Service } from '../../src/service.ts';
import { connectTo } from './connect-to.ts';
import { createTestDatabase } from './database.ts';
import { until } from './until.ts';

export const queueBackends = ['postgres', 'redis'] as const;
export type QueueBackendName = (typeof queueBackends)[number];

export const secret = 'whsec_test_secret';
export const apiKey = 'test-api-key-0123456789';
/** Of a service that shares its machine, or its event loop, with all these tests: that is no reason to turn anybody away. */
export const neverSheds = { ADMISSION_MAX_LOOP_DELAY_MS: '60000', ADMISSION_MAX_WAIT_MS: '90000' };
export const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export interface Sent {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: a test asserts what it finds
  readonly body: any;
}

export interface DeliverOptions {
  readonly secret?: string;
  readonly webhookId?: string;
  readonly signedAt?: Date;
  readonly account?: string;
  readonly headers?: Record<string, string>;
}

export interface TestService {
  readonly url: string;
  readonly service: Service;
  /** A pool of the test's own on the service's database. */
  readonly db: Database;
  readonly databaseUrl: string;
  deliver(payload: object | string | Buffer, options?: DeliverOptions): Promise<Sent>;
  get(path: string, key?: string | null): Promise<Sent>;
  /** Resolves once no delivery is owed any more. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

export interface TestServiceOptions {
  readonly queue?: QueueBackendName;
  readonly env?: Record<string, string>;
  readonly overrides?: Overrides;
  /** A database to use and to leave behind; else a fresh one, dropped at the end. */
  readonly databaseUrl?: string;
}

/** Starts a service; the caller must `stop` it. */
export async function startTestService(options: TestServiceOptions = {}): Promise<TestService> {
  const database =
    options.databaseUrl === undefined
      ? await createTestDatabase(inject('postgresUrl'))
      : { url: options.databaseUrl, drop: async () => {} };
  const dataDir = await mkdtemp(join(tmpdir(), 'ilive-service-'));
  const config = parseConfig({
    PORT: '0',
    HOST: '127.0.0.1',
    DATABASE_URL: database.url,
    // A folder of its own: what one service leaves in the outage store must not get into another's database.
    DATA_DIR: dataDir,
    ...(options.queue === 'redis'
      ? { REDIS_URL: inject('redisUrl'), QUEUE_PREFIX: `t-${randomUUID()}` }
      : {}),
    ILIVE_WEBHOOK_SECRETS: secret,
    BOOTSTRAP_API_KEY: apiKey,
    SWEEP_INTERVAL_SECONDS: '1',
    SWEEP_OVERDUE_SECONDS: '1',
    SHUTDOWN_GRACE_SECONDS: '10',
    API_RATE_PER_MINUTE: '0', // who waits for facts asks often, and all tests of a file with one key
    ...options.env,
  });
  const service = createService(config, { log: silent, ...options.overrides });
  await service.start();
  const db = connectTo(database.url);
  const url = service.address();
  return {
    url,
    service,
    db,
    databaseUrl: database.url,
    deliver: (payload, deliverOptions) => deliver(url, payload, deliverOptions),
    get: (path, key = apiKey) => get(url, path, key),
    settled: () => settled(db),
    stop: async () => {
      await service.stop();
      await db.close();
      await database.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Signs and posts one delivery, as iLive would. */
export async function deliver(
  url: string,
  payload: object | string | Buffer,
  options: DeliverOptions = {},
): Promise<Sent> {
  const body = Buffer.isBuffer(payload)
    ? payload
    : Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
  const signed = sign(body, {
    key: signingKey(options.secret ?? secret, 'utf8'),
    template: defaultTemplate,
    timestamp: Math.floor((options.signedAt ?? new Date()).getTime() / 1000),
    webhookId: options.webhookId ?? randomUUID(),
  });
  const path = options.account === undefined ? '/webhooks/ilive' : `/webhooks/ilive/${options.account}`;
  const headers = { 'content-type': 'application/json', ...signed, ...options.headers };
  return answerOf(await fetch(`${url}${path}`, { method: 'POST', headers, body }));
}

export async function get(url: string, path: string, key: string | null): Promise<Sent> {
  return answerOf(
    await fetch(`${url}${path}`, { headers: key === null ? {} : { authorization: `Bearer ${key}` } }),
  );
}

async function answerOf(response: Response): Promise<Sent> {
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}

async function settled(db: Database): Promise<void> {
  const owed = () =>
    db.query<{ count: string }>({ text: `select count(*) from deliveries where state = 'received'` });
  await until(async () => Number((await owed())[0]?.count) === 0, { describe: 'no delivery is owed' });
}

let verdictCount = 0;

/** A documented verdict payload of a session of its own, with `changes`. */
export function verdictPayload(changes: object = {}): { session_id: string } & Record<string, unknown> {
  verdictCount += 1;
  return {
    event: 'liveness.verdict',
    session_id: randomUUID(),
    verdict: 'pass',
    confidence: 0.8732,
    reference_id: `user-${verdictCount}`,
    camera_metadata: { model: 'x' },
    location: { country: 'NL' },
    timestamp: '2026-04-11T09:30:12.456789+00:00',
    ...changes,
  };
}
