// With Postgres away, hanging or held up: deliveries are answered 202 all the same, kept in the outage store, and recorded by
// themselves once it is back; without a store, or with a full one, 503 with Retry-After and nothing half done.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import type { Log } from '../../src/log.ts';
import { createTestDatabase, runAsAdmin } from '../support/database.ts';
import { outageOver } from '../support/outage-over.ts';
import { type Sent, silent, startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let wire: TcpProxy;
let dataDir: string;
const services: TestService[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'ilive-outlives-'));
  database = await createTestDatabase(inject('postgresUrl'));
  const url = new URL(database.url);
  wire = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
});

afterEach(async () => {
  wire.thaw();
  if (!wire.isOpen()) await wire.mend();
  for (const service of services.splice(0)) await service.stop();
  await wire.close();
  await database.drop();
  await rm(dataDir, { recursive: true, force: true });
});

async function start(env: Record<string, string> = {}, log: Log = silent): Promise<TestService> {
  const url = new URL(database.url);
  url.port = String(wire.port);
  const settings = { databaseUrl: url.href, env: { DATA_DIR: dataDir, ...env }, overrides: { log } };
  const service = await startTestService(settings);
  services.push(service);
  return service;
}

const outageStates = async (service: TestService) => (await service.get('/readyz', null)).body.outage_store;
const statuses = (answers: readonly Sent[]) => [...new Set(answers.map(({ status }) => status))];

/** Every payload is one delivery, answered with the id under which it is stored. */
async function expectRecorded(service: TestService, sent: readonly [string, Sent][]): Promise<void> {
  await service.settled();
  const rows = await service.db.query<{ id: string; session: string }>({
    text: 'select id::text, session_id as session from deliveries',
  });
  expect(new Map(rows.map(({ session, id }) => [session, id]))).toEqual(
    new Map(sent.map(([session, { body }]) => [session, body.delivery_id])),
  );
  expect(rows.length).toBe(sent.length);
}

async function deliverMany(service: TestService, count: number): Promise<[string, Sent][]> {
  const payloads = Array.from({ length: count }, () => verdictPayload());
  return Promise.all(
    payloads.map(async (payload) => [payload.session_id, await service.deliver(payload)] as [string, Sent]),
  );
}

test('guarantee 2: cut off from Postgres: 202, still ready, then all is recorded by itself, once and under the ids that were told', async () => {
  const service = await start();
  const before = await deliverMany(service, 1);
  expect(await service.get('/readyz', null)).toMatchObject({ body: { outage_store: 'ready' } });
  await wire.cut();
  const during = [...(await deliverMany(service, 60)), ...(await deliverMany(service, 60))];
  expect(statuses(during.map(([, answer]) => answer))).toEqual([202]);
  expect(await service.get('/readyz', null)).toMatchObject({
    status: 200,
    body: { status: 'ready', database: 'down', outage_store: 'taking' },
  });
  expect(await service.get('/v1/sessions')).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  expect((await service.get('/healthz', null)).status).toBe(200);
  const metrics = (await service.get('/metrics', null)).body;
  expect(metrics).toMatch(/^ilive_outage 1$/m);
  expect(metrics).toMatch(/^ilive_outage_held_deliveries 120$/m);

  await wire.mend();
  await outageOver(service.url);
  const after = await deliverMany(service, 5);
  await expectRecorded(service, [...before, ...during, ...after]);
  expect(await service.get('/readyz', null)).toMatchObject({
    body: { database: 'up', outage_store: 'ready' },
  });
  expect((await readdir(path.join(dataDir, 'outage', '1'))).length).toBe(0);
  expect((await service.get('/metrics', null)).body).toMatch(/^ilive_outage_drained_total 120$/m);
});

test('guarantee 2: what was told during an outage is recorded in the order in which it was told, and nothing overtakes it', async () => {
  const service = await start();
  const { session_id } = verdictPayload();
  const told: string[] = [];
  const tell = async () => {
    const { body } = await service.deliver(verdictPayload({ session_id, confidence: told.length / 100 }));
    told.push(body.delivery_id);
  };
  for (let count = 0; count < 5; count += 1) await tell();
  await wire.cut();
  for (let count = 0; count < 20; count += 1) await tell();
  await wire.mend();
  for (let count = 0; count < 20; count += 1) await tell();
  await outageOver(service.url);
  await service.settled();
  const rows = await service.db.query<{ id: string; transaction: string }>({
    text: 'select delivery_id::text as id, xmin::text as transaction from delivery_bodies',
  });
  const transactions = new Map(rows.map(({ id, transaction }) => [id, Number(transaction)]));
  const committed = told.map((id) => transactions.get(id));
  expect(committed).toEqual(committed.toSorted((a = 0, b = 0) => a - b));
  expect(new Set(committed)).not.toContain(undefined);
  const received = await service.db.query<{ id: string }>({
    text: 'select id::text from deliveries order by received_at, id',
  });
  expect(received.map(({ id }) => id)).toEqual(told);
});

test('guarantee 2: a Postgres that hangs is an outage too, once a commit takes too long, and nobody waits longer than that', async () => {
  const service = await start({ COMMIT_TIMEOUT_SECONDS: '1' });
  const before = await deliverMany(service, 1);
  wire.freeze();
  const startedAt = performance.now();
  const during = await deliverMany(service, 30);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  const later = await deliverMany(service, 30);
  expect(statuses([...during, ...later].map(([, answer]) => answer))).toEqual([202]);
  // Those who look for what is wrong are answered, too.
  expect(await outageStates(service)).toBe('taking');
  const askedAt = performance.now();
  expect((await service.get('/metrics', null)).body).toMatch(/^ilive_outage_held_deliveries 60$/m);
  expect(performance.now() - askedAt).toBeLessThan(4_000);
  wire.thaw();
  await outageOver(service.url);
  await expectRecorded(service, [...before, ...during, ...later]);
});

test('guarantee 2: a commit of which nobody knows whether it went through is one delivery', async () => {
  const service = await start({ COMMIT_TIMEOUT_SECONDS: '1' });
  const payload = verdictPayload();
  let answer: Sent | undefined;
  await service.db
    .transaction(async (tx) => {
      await tx.query({ text: 'lock table deliveries in access exclusive mode' });
      answer = await service.deliver(payload);
      // The statement that was given up waits on, and goes through when the lock is gone.
    })
    .catch(() => {});
  expect(answer?.status).toBe(202);
  await outageOver(service.url);
  await expectRecorded(service, [[payload.session_id, answer as Sent]]);
});

test('guarantee 2: a database that takes no writes, and one whose disk is full, are outages', async () => {
  const service = await start();
  await service.db.query({ text: `alter database ${dbName()} set default_transaction_read_only = on` });
  await service.db.query({
    text: `select pg_terminate_backend(pid) from pg_stat_activity
           where datname = current_database() and application_name = 'ilive-webhooks receive'`,
  });
  const readOnly = await deliverMany(service, 10);
  expect(statuses(readOnly.map(([, answer]) => answer))).toEqual([202]);
  expect(await outageStates(service)).toBe('taking');
  await asAdmin(`alter database ${dbName()} reset default_transaction_read_only`);
  await asAdmin(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${dbName()}' and pid <> pg_backend_pid()`,
  );
  await outageOver(service.url);

  await asAdmin(`create function public.full_disk() returns trigger language plpgsql as
    $$ begin raise exception 'No space left on device' using errcode = '53100'; end $$`);
  await asAdmin('create trigger full_disk before insert on deliveries execute function full_disk()');
  const full = await deliverMany(service, 10);
  expect(statuses(full.map(([, answer]) => answer))).toEqual([202]);
  await asAdmin('drop trigger full_disk on deliveries');
  await outageOver(service.url);
  await expectRecorded(service, [...readOnly, ...full]);
});

const dbName = () => new URL(database.url).pathname.slice(1);
const asAdmin = (statement: string) => runAsAdmin(database.url, statement);

test('guarantee 4, guarantee 10: a store that is full: 503 with Retry-After and unready, not before, and nothing that was answered 202 is lost', async () => {
  const maxBytes = 100_000;
  const service = await start({ OUTAGE_STORE_MAX_BYTES: String(maxBytes) });
  await wire.cut();
  const kept: [string, Sent][] = [];
  let refused: Sent | undefined;
  while (refused === undefined) {
    const [sent] = await deliverMany(service, 1);
    if (sent?.[1].status === 202) kept.push(sent);
    else refused = sent?.[1];
    expect(kept.length).toBeLessThan(1_000);
  }
  expect([refused.status, refused.body.code]).toEqual([503, 'unavailable']);
  expect(refused.headers.get('retry-after')).toBe('2');
  expect(await service.get('/readyz', null)).toMatchObject({ status: 503, body: { outage_store: 'full' } });
  const [file = ''] = await readdir(path.join(dataDir, 'outage', '1'));
  const size = (await readFile(path.join(dataDir, 'outage', '1', file))).length;
  expect(size).toBeLessThanOrEqual(maxBytes);
  expect(size).toBeGreaterThan(maxBytes * 0.98);
  await wire.mend();
  await outageOver(service.url);
  await expectRecorded(service, [...kept, ...(await deliverMany(service, 1))]);
});

test('guarantee 4: without a store: 503 with Retry-After, unready, then everything again by itself', async () => {
  const lines: string[] = [];
  const error = (_fields: unknown, message: string) => void lines.push(message);
  const service = await start({ OUTAGE_STORE_MAX_BYTES: '0' }, { ...silent, error } as Log);
  const before = await deliverMany(service, 1);
  await wire.cut();
  const during = verdictPayload();
  const beganAt = performance.now();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => service.deliver(during, { webhookId: 'w' })),
  );
  // A line a second: thousands may be turned away in each.
  const told = lines.filter((line) => line.includes('could not be stored'));
  expect(told.length).toBeGreaterThan(0);
  expect(told.length).toBeLessThanOrEqual(1 + (performance.now() - beganAt) / 1000);
  for (const answer of answers) {
    expect([answer.status, answer.body.code]).toEqual([503, 'unavailable']);
    expect(answer.headers.get('retry-after')).toBe('2');
  }
  expect(await service.get('/readyz', null)).toMatchObject({
    status: 503,
    body: { database: 'down', outage_store: 'off' },
  });
  await wire.mend();
  const last = await until(
    async () => {
      const answer = await service.deliver(during, { webhookId: 'w' });
      return answer.status === 202 ? answer : undefined;
    },
    { describe: 'it accepts again' },
  );
  await expectRecorded(service, [...before, [during.session_id, last]]);
});

test('guarantee 9: with ENCRYPTION_KEYS nothing of a delivery stands in clear in the outage store', async () => {
  const key = Buffer.alloc(32, 7).toString('base64');
  const service = await start({ ENCRYPTION_KEYS: `k:${key}` });
  await wire.cut();
  const payload = verdictPayload({ reference_id: 'a-name-that-would-be-found' });
  const answer = await service.deliver(payload);
  const [file = ''] = await readdir(path.join(dataDir, 'outage', '1'));
  const stored = String(await readFile(path.join(dataDir, 'outage', '1', file)));
  expect(stored).not.toContain('a-name-that-would-be-found');
  expect(stored).not.toContain(answer.body.delivery_id);
  await wire.mend();
  await outageOver(service.url);
  await expectRecorded(service, [[payload.session_id, answer]]);
});

test('guarantee 2: what a process kept and did not record is recorded by its next run, and by another that runs beside', async () => {
  const one = await start();
  const two = await start();
  await wire.cut();
  const kept = [...(await deliverMany(one, 20)), ...(await deliverMany(two, 20))];
  // Both end with their stores full; the first slot is taken by the next run, and the second is found by it.
  for (const service of services.splice(0)) await service.stop();
  expect((await readdir(path.join(dataDir, 'outage', '2'))).length).toBe(1);
  await wire.mend();
  const next = await start();
  await until(async () => (await readdir(path.join(dataDir, 'outage', '2'))).length === 0, {
    describe: 'the other store is drained',
  });
  await outageOver(next.url);
  await expectRecorded(next, kept);
});
