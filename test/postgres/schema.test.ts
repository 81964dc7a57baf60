// The migrations and the drizzle schema are written apart; this holds them together.
import { getTableName, is } from 'drizzle-orm';
import { getTableConfig, PgDialect, PgTable } from 'drizzle-orm/pg-core';
import { expect, test } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';
import { createBodyPartitions } from '../../src/db/partitions.ts';
import * as schema from '../../src/db/schema.ts';
import * as changes from '../../src/db/schema-changes.ts';
import * as operations from '../../src/db/schema-operations.ts';
import { useTestDatabase } from '../support/test-database.ts';

const testDatabase = useTestDatabase();

const tables = Object.values({ ...schema, ...operations, ...changes }).filter((value) => is(value, PgTable));

test.each(tables.map((table) => [getTableName(table), table] as const))(
  '%s is what the migrations made',
  async (name, table) => {
    const { columns, indexes, checks } = getTableConfig(table);
    const actual = await testDatabase.db.query<{ name: string; type: string; isRequired: boolean }>({
      text: `select attname as name, format_type(atttypid, atttypmod) as type, attnotnull as "isRequired"
           from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped`,
      values: [name],
    });
    const declared = columns.map((column) => ({
      name: column.name,
      type: column.getSQLType().replace('timestamp (6)', 'timestamp(6)'),
      isRequired: column.notNull || column.primary,
    }));
    const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
    expect(actual.sort(byName)).toEqual(declared.sort(byName));
    const made = await testDatabase.db.query<{ name: string; definition?: string }>({
      text: `select indexrelid::regclass::text as name, null as definition from pg_index where indrelid = $1::regclass
           union all select conname, pg_get_constraintdef(oid) from pg_constraint where conrelid = $1::regclass and contype = 'c'`,
      values: [name],
    });
    for (const declaredName of [
      ...indexes.map((index) => index.config.name),
      ...checks.map((check) => check.name),
    ]) {
      expect(made.map((row) => row.name)).toContain(declaredName);
    }
    // A word that was added to a list of the code, and to no check, would be refused where it is first written.
    const wordsIn = (text = '') => (text.match(/(?<=')\w+(?=')/g) ?? []).sort();
    for (const { name: checkName, value } of checks) {
      const { sql } = new PgDialect().sqlToQuery(value);
      const definition = made.find((row) => row.name === checkName)?.definition;
      expect(wordsIn(definition), checkName).toEqual(wordsIn(sql));
    }
  },
);

test('every index says which query it serves', async () => {
  const silentIndexes = await testDatabase.db.query({
    text: `select indexrelid::regclass::text as name from pg_index
           join pg_class on pg_class.oid = indrelid
           where relnamespace = 'public'::regnamespace and not relispartition and obj_description(indexrelid) is null`,
  });
  expect(silentIndexes).toEqual([]);
});

test('many processes may migrate at once, and again', async () => {
  await Promise.all(Array.from({ length: 5 }, () => migrate(testDatabase.url)));
  const [applied] = await testDatabase.db.query<{ count: string }>({
    text: 'select count(*) from drizzle.__drizzle_migrations',
  });
  expect(Number(applied?.count)).toBeGreaterThan(0);
});

test('a database that a newer version migrated is refused', async () => {
  await testDatabase.db.query({
    text: `insert into drizzle.__drizzle_migrations (hash, created_at) values ('later', 9999999999999)`,
  });
  await expect(migrate(testDatabase.url)).rejects.toMatchObject({ code: 'schema_mismatch' });
  await testDatabase.db.query({ text: `delete from drizzle.__drizzle_migrations where hash = 'later'` });
  await migrate(testDatabase.url);
});

test('a database that is away is told as unavailable', async () => {
  await expect(migrate('postgres://nobody@127.0.0.1:1/none')).rejects.toMatchObject({ code: 'unavailable' });
});

test('days are made ahead once, and a day whose rows came too early stays in the default partition', async () => {
  const now = new Date('2030-01-01T12:00:00Z');
  await testDatabase.db.query({
    text: `insert into delivery_bodies values ('01990000-0000-7000-8000-000000000001', '2030-01-02T01:00:00Z', '{}', '')`,
  });
  const made = await Promise.all([
    createBodyPartitions(testDatabase.db, now, 2),
    createBodyPartitions(testDatabase.db, now, 2),
  ]);
  const again = await createBodyPartitions(testDatabase.db, now, 2);
  const names = [...made.flat(), ...again].sort();
  expect(names).toEqual(['delivery_bodies_20300101', 'delivery_bodies_20300103']);
});
