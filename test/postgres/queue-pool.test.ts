// The pool of a queue in Postgres: its commands are read and planned once for each connection, and what changes under them costs
// one failure and no more.
import { expect, test } from 'vitest';
import { createQueuePool } from '../../src/queue/postgres-pool.ts';
import { silent } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { useUndo } from '../support/undo.ts';

const testDatabase = useTestDatabase();
const undo = useUndo();

function open() {
  const pool = createQueuePool({ databaseUrl: testDatabase.url, silenceMs: 30_000, log: silent });
  undo.push(pool.end);
  return pool.connection;
}

test('a command is prepared once for a connection, and those without values may be several', async () => {
  const connection = open();
  for (const value of [1, 2, 3]) {
    expect((await connection.query('select $1::int as value', [value])).rows).toEqual([{ value }]);
  }
  await connection.query('select 1; select 2');
  const prepared = await connection.query('select statement from pg_prepared_statements');
  expect(prepared.rows).toEqual([{ statement: 'select $1::int as value' }]);
});

test('a function that another version of the queue gives another answer fails once', async () => {
  const connection = open();
  const create = (columns: string, values: string) =>
    connection.query(`drop function if exists command(int);
      create function command(int) returns table (${columns}) language sql as 'select ${values}'`);
  const call = () => connection.query('select * from command($1)', [1]);
  await create('one int', '1');
  expect((await call()).rows).toEqual([{ one: 1 }]);
  await create('one int, two int', '1, 2');
  await expect(call()).rejects.toThrow('cached plan must not change result type');
  expect((await call()).rows).toEqual([{ one: 1, two: 2 }]);
});
