// How a database has to be made: in which order it keeps its texts, as the doctor is told, in which encoding, and with a schema for its tables.
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { connect, type Database } from '../../src/db/connect.ts';
import { migrate } from '../../src/db/migrate.ts';
import { readPostgresFacts } from '../../src/db/server-facts.ts';
import { createLog } from '../../src/log.ts';
import { createTestDatabase, runAsAdmin } from '../support/database.ts';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let db: Database | undefined;

beforeEach(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
});

afterEach(async () => {
  await db?.close();
  db = undefined;
  await database.drop();
});

async function readCollation() {
  db = connect({
    url: database.url,
    applicationName: 'test',
    maxConnections: 1,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 5_000,
    log: createLog('error'),
  });
  return (await readPostgresFacts(db, new Date())).collation;
}

test('the bundled Postgres orders by the bytes', async () => {
  expect(await readCollation()).toEqual({ name: 'C', isByBytes: true, madeWith: null, version: null });
});

test('one that goes by a language is migrated like any other, and tells by which version of its rules indexes were made', async () => {
  const admin = inject('postgresUrl');
  const name = new URL(database.url).pathname.slice(1);
  await database.drop();
  await runAsAdmin(
    admin,
    `create database ${name} template template0 locale_provider icu icu_locale 'en-US' locale 'C'`,
  );
  await migrate(database.url);
  await runAsAdmin(admin, `update pg_database set datcollversion = '1' where datname = '${name}'`);
  const collation = await readCollation();
  expect(collation).toMatchObject({ name: 'en-US', isByBytes: false, madeWith: '1' });
  expect(collation.version).toMatch(/^\d+(\.\d+)+$/);
});

test('one that holds no text but Latin is refused before anything is made in it', async () => {
  const name = new URL(database.url).pathname.slice(1);
  await database.drop();
  await runAsAdmin(
    inject('postgresUrl'),
    `create database ${name} template template0 encoding 'LATIN1' locale_provider libc locale 'C'`,
  );
  await expect(migrate(database.url)).rejects.toThrow(
    "The database of DATABASE_URL has the encoding LATIN1, and has to have UTF8: `create database … encoding 'UTF8'`.",
  );
});

test('a role that has no schema to make tables in is told so, and what it has to have', async () => {
  const name = new URL(database.url).pathname.slice(1);
  await database.drop();
  await runAsAdmin(inject('postgresUrl'), `create database ${name} template template0`);
  await runAsAdmin(inject('postgresUrl'), `alter database ${name} set search_path = nowhere`);
  await expect(migrate(database.url)).rejects.toThrow(
    /^The role of DATABASE_URL may not make .* CREATE on it and on the first schema of its search_path\.$/,
  );
});
