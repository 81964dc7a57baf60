// A Postgres that is there and refuses, for another reason than the data in hand: that is an outage like one that is away.
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { createTestDatabase, runAsAdmin } from '../support/database.ts';
import { outageOver } from '../support/outage-over.ts';
import { startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let service: TestService;

beforeEach(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  service = await startTestService({ databaseUrl: database.url });
});

afterEach(async () => {
  await service.stop();
  await database.drop();
});

const name = () => new URL(database.url).pathname.slice(1);
const store = async () => (await service.get('/v1/ops/status')).body.outage_store;

/** Ten deliveries, all answered 202; their ids. */
async function deliverTen(): Promise<string[]> {
  const answers = await Promise.all(Array.from({ length: 10 }, () => service.deliver(verdictPayload())));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
  return answers.map(({ body }) => body.delivery_id);
}

async function expectRecorded(ids: readonly string[]): Promise<void> {
  await outageOver(service.url);
  const rows = await service.db.query<{ id: string }>({ text: 'select id::text from deliveries' });
  expect(rows.map(({ id }) => id).sort()).toEqual([...ids].sort());
  expect(await store()).toMatchObject({ damaged: 0 });
}

test('guarantee 2: a statement that fails for no fault of the data is an outage, and nothing is set aside', async () => {
  // A sequence counts what is rolled back, too.
  await runAsAdmin(database.url, 'create sequence public.tries');
  await runAsAdmin(
    database.url,
    `create function public.corrupted() returns trigger language plpgsql as $$ begin
       perform nextval('public.tries'); raise exception 'invalid page in block 7' using errcode = 'XX001'; end $$`,
  );
  const create = 'create trigger corrupted before insert on deliveries execute function corrupted()';
  await runAsAdmin(database.url, create);
  const ids = await deliverTen();
  await until(async () => {
    const [row] = await service.db.query<{ tries: string }>({
      text: 'select last_value as tries from tries',
    });
    return Number(row?.tries) > 4; // by the drain, again and again
  });
  expect(await store()).toMatchObject({ state: 'taking', held_deliveries: 10, damaged: 0 });
  await runAsAdmin(database.url, 'drop trigger corrupted on deliveries');
  await expectRecorded(ids);
});

test('guarantee 2: so are logins that are refused, as while a password is being changed', async () => {
  const admin = inject('postgresUrl');
  await runAsAdmin(admin, `alter database ${name()} allow_connections false`);
  await runAsAdmin(
    admin,
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name()}'`,
  );
  const ids = await deliverTen();
  await runAsAdmin(admin, `alter database ${name()} allow_connections true`);
  await expectRecorded([...ids, ...(await deliverTen())]);
});
