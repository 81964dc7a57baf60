// A migration that is interrupted anywhere is finished by whoever comes next, and while it waits for others' locks their
// writes go on. What dies is a real process, or its connection; what is migrated is a folder of the test's own, with what is
// slow enough to be met in the middle.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';

const testDatabase = useTestDatabase();
const program = new URL('../support/migrate-process.ts', import.meta.url).pathname;
// After all of ours, whatever they will be.
const firstMadeAtMs = 9_000_000_000_000;

const slowly = `select pg_sleep(0.3) /* here */`;
const files = {
  '9000_first': ['create table first_made (id int)', slowly, 'insert into first_made values (1)', slowly],
  '9001_indexes': [
    '-- outside a transaction\ninsert into first_made select 2 where not exists (select from first_made where id = 2)',
    'create index concurrently if not exists first_made_id on first_made (id)',
    slowly,
  ],
  '9002_last': [slowly, 'create table last_made (id int)', slowly],
};

let folder: string;
const children: ChildProcess[] = [];

async function writeMigrations(
  names: readonly string[],
  statements: Record<string, string[]>,
): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'ilive-migrations-'));
  await mkdir(join(dir, 'meta'));
  const entries = names.map((tag, index) => ({ tag, when: firstMadeAtMs + index }));
  await writeFile(join(dir, 'meta/_journal.json'), JSON.stringify({ entries }));
  for (const tag of names) {
    await writeFile(join(dir, `${tag}.sql`), (statements[tag] ?? []).join('\n--> statement-breakpoint\n'));
  }
  return dir;
}

beforeAll(async () => {
  folder = await writeMigrations(Object.keys(files), files);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await query('drop table if exists first_made, last_made, wanted');
  await query(`delete from drizzle.__drizzle_migrations where created_at >= ${firstMadeAtMs}`);
});

test('no time limit that an address or a role has for its statements ends a migration', async () => {
  const url = new URL(testDatabase.url);
  url.searchParams.set('options', '-c statement_timeout=100');
  url.searchParams.set('query_timeout', '100');
  await migrate(url.href, { folder });
  expect(await query('select id from first_made')).toEqual([{ id: 1 }, { id: 2 }]);
});

function query<Row>(text: string): Promise<Row[]> {
  return testDatabase.db.query<Row>({ text });
}

function startProcess(): ChildProcess {
  const child = spawn(process.execPath, [program, testDatabase.url, folder], { stdio: 'ignore' });
  children.push(child);
  return child;
}

async function endOf(child: ChildProcess): Promise<number | string | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode ?? child.signalCode;
}

interface AtWork {
  readonly pid: number;
  readonly query: string;
  readonly state: string;
}

const migrating = () =>
  query<AtWork>(
    `select pid, query, state from pg_stat_activity
     where application_name = 'ilive-webhooks migrate' and datname = current_database()`,
  );

async function expectMigrated(): Promise<void> {
  const [made] = await query(
    `select (select array_agg(id order by id) from first_made) as first,
            to_regclass('last_made') is not null as "hasLast",
            (select indisvalid from pg_index where indexrelid = to_regclass('first_made_id')) as "isIndexed",
            (select count(*)::int from drizzle.__drizzle_migrations where created_at >= ${firstMadeAtMs}) as noted`,
  );
  expect(made).toEqual({ first: [1, 2], hasLast: true, isIndexed: true, noted: 3 });
}

const moments = [
  ['in the middle of a transaction', 'SIGKILL', 'select pg_sleep', 0],
  ['while an index is built beside writes', 'SIGKILL', 'create index concurrently', 0],
  ['while an index is built beside writes', 'its connection', 'create index concurrently', 0],
  ['in the last of several', 'SIGKILL', 'select pg_sleep', 2],
] as const;

test.each(moments)('%s it is ended (%s): another finishes it', async (_name, how, at, finished) => {
  // Somebody's long look: an index that is built beside writes waits for its end, and is met in that.
  let letGo = () => {};
  const look = testDatabase.db.transaction(async (tx) => {
    await tx.query({ text: 'set transaction isolation level repeatable read' });
    await tx.query({ text: 'select 1' });
    if (at === 'create index concurrently')
      await new Promise<void>((resolve) => {
        letGo = resolve;
      });
  });
  const child = startProcess();
  const [met] = await until(async () => {
    const noted = await query(
      `select from drizzle.__drizzle_migrations where created_at >= ${firstMadeAtMs}`,
    );
    if (at.startsWith('select') && noted.length !== finished) return undefined;
    const found = (await migrating()).filter(
      ({ query: text, state }) => text.includes(at) && state === 'active',
    );
    return found.length > 0 ? found : undefined;
  });
  if (how === 'SIGKILL') child.kill('SIGKILL');
  else await query(`select pg_terminate_backend(${met?.pid})`);
  expect(await endOf(child)).not.toBe(0);
  const next = migrate(testDatabase.url, { folder });
  if (at === 'create index concurrently') {
    await until(async () => (await migrating()).some(({ pid }) => pid !== met?.pid), {
      describe: 'another comes',
    });
    letGo();
  }
  await Promise.all([next, look]);
  await expectMigrated();
});

test('several that start at once: one migrates, the others wait and find it done', async () => {
  const ours = [startProcess(), startProcess(), startProcess()];
  expect(await Promise.all(ours.map(endOf))).toEqual([0, 0, 0]);
  await expectMigrated();
});

test('a migration that has to wait for a table’s lock lets writes go by, and is finished once the lock is free', async () => {
  await query('create table wanted (id int)');
  const tag = '9003_wanted';
  const own = await writeMigrations([tag], { [tag]: ['alter table wanted add column more int'] });
  let migrated: Promise<void> | undefined;
  await testDatabase.db.transaction(async (tx) => {
    await tx.query({ text: 'insert into wanted values (1)' });
    migrated = migrate(testDatabase.url, { folder: own });
    await until(async () =>
      (await migrating()).some(({ query: text, state }) => text.startsWith('alter') && state === 'active'),
    );
    const startedAt = performance.now();
    await query('insert into wanted values (2)');
    expect(performance.now() - startedAt).toBeLessThan(4_000);
  });
  await migrated;
  await query('update wanted set more = id');
  await rm(own, { recursive: true });
});

test('a newer schema is refused, unless what came since leaves this version what it uses', async () => {
  await migrate(testDatabase.url, { folder });
  await expect(migrate(testDatabase.url)).resolves.toBeUndefined();
  const tag = '9000_first';
  const contract = '9004_contract';
  const names = [...Object.keys(files), contract];
  const own = await writeMigrations(names, { ...files, [contract]: [`-- contract: ${tag}\nselect 1`] });
  await migrate(testDatabase.url, { folder: own });
  await expect(migrate(testDatabase.url)).rejects.toMatchObject({ code: 'schema_mismatch' });
  await expect(migrate(testDatabase.url, { folder })).resolves.toBeUndefined();
  await rm(own, { recursive: true });
});
