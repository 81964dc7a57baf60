// `/readyz` says 200 exactly while deliveries are taken, by whichever way, and finds out by itself that they are again: a proxy
// that goes by it sends nothing in between.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { createTestDatabase, runAsAdmin } from '../support/database.ts';
import { startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

let dataDir: string;
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let service: TestService | undefined;

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'ilive-ready-'));
  database = await createTestDatabase(inject('postgresUrl'));
  // As a full disk does; a sequence counts what is rolled back, too.
  await runAsAdmin(database.url, 'create sequence public.tries');
  await runAsAdmin(
    database.url,
    `create function public.full_disk() returns trigger language plpgsql as $$ begin
       perform nextval('public.tries'); raise exception 'No space left on device' using errcode = '53100'; end $$`,
  );
});
afterEach(async () => {
  await service?.stop();
  await database.drop();
  await rm(dataDir, { recursive: true, force: true });
});

const fill = () =>
  runAsAdmin(
    database.url,
    'create trigger full_disk before insert on deliveries execute function full_disk()',
  );
const free = () => runAsAdmin(database.url, 'drop trigger full_disk on deliveries');

async function start(env: Record<string, string> = {}) {
  const started = await startTestService({ databaseUrl: database.url, env: { DATA_DIR: dataDir, ...env } });
  service = started;
  const readiness = async () => {
    const { status, body } = await started.get('/readyz', null);
    return { status, database: body.database, store: body.outage_store };
  };
  const countOf = async (text: string) => {
    const [row] = await started.db.query<{ count: string }>({ text });
    return Number(row?.count);
  };
  return {
    ...started,
    readiness,
    tries: () => countOf('select last_value as count from tries'),
    recorded: () => countOf('select count(*) from deliveries'),
  };
}

test('guarantee 4: neither Postgres nor the store commits: unready, until either does again with nothing sent meanwhile', async () => {
  const { deliver, readiness, tries, recorded } = await start();
  const slot = path.join(dataDir, 'outage', '1');
  expect(await readiness()).toEqual({ status: 200, database: 'up', store: 'ready' });
  await fill();
  await rm(slot, { recursive: true });
  const payload = verdictPayload();
  expect((await deliver(payload, { webhookId: 'w' })).status).toBe(503);
  // Postgres answers, and is asked for more than an answer.
  const triedBefore = await tries();
  await until(async () => {
    expect(await readiness()).toEqual({ status: 503, database: 'down', store: 'failing' });
    return (await tries()) >= triedBefore + 2;
  });

  await free();
  await until(async () => (await readiness()).status === 200);
  expect(await readiness()).toMatchObject({ database: 'up', store: 'failing' });
  // What failed was the question, and is there now; sent again it is a repeat.
  expect(await recorded()).toBe(1);
  expect(await deliver(payload, { webhookId: 'w' })).toMatchObject({ status: 202, body: { repeat: true } });

  await mkdir(slot);
  await until(async () => (await readiness()).store === 'ready');
  // The store is there for the next outage, and counts as a way in.
  await fill();
  expect((await deliver(verdictPayload())).status).toBe(202);
  expect(await readiness()).toEqual({ status: 200, database: 'down', store: 'taking' });
  await free();
  await until(async () => (await recorded()) === 2);
  await until(async () => (await readiness()).database === 'up');
});

test('guarantee 4: without a store: unready while Postgres answers and does not commit, and ready again with nothing sent', async () => {
  const { deliver, readiness } = await start({ OUTAGE_STORE_MAX_BYTES: '0' });
  await fill();
  expect((await deliver(verdictPayload())).status).toBe(503);
  expect(await readiness()).toEqual({ status: 503, database: 'down', store: 'off' });
  await free();
  await until(async () => (await readiness()).status === 200);
});

test('guarantee 4: a store that is full while Postgres answers and does not commit: unready', async () => {
  const { deliver, readiness } = await start({ OUTAGE_STORE_MAX_BYTES: '5000' });
  await fill();
  let count = 0;
  while ((await deliver(verdictPayload())).status === 202) {
    count += 1;
    expect(count).toBeLessThan(100);
  }
  expect(await readiness()).toEqual({ status: 503, database: 'down', store: 'full' });
  await free();
  await until(async () => (await readiness()).store === 'ready');
  expect(await readiness()).toMatchObject({ status: 200, database: 'up' });
});
