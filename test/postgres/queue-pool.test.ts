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

test('what the role says of times and of how transactions see each other does not count', async () => {
  const name = new URL(testDatabase.url).pathname.slice(1);
  const settings = {
    default_transaction_isolation: 'serializable',
    lock_timeout: '1ms',
    statement_timeout: '1ms',
  };
  const alter = async (to: (name: string, value: string) => string) => {
    for (const [setting, value] of Object.entries(settings))
      await testDatabase.db.query({ text: `alter database ${name} ${to(setting, value)}` });
  };
  await alter((setting, value) => `set ${setting} = '${value}'`);
  undo.push(() => alter((setting) => `reset ${setting}`));
  const { rows } = await open().query(`
    select current_setting('transaction_isolation') as isolation, current_setting('lock_timeout') as "lock",
           current_setting('statement_timeout') as statement from pg_sleep(0.05)`);
  expect(rows).toEqual([{ isolation: 'read committed', lock: '0', statement: '0' }]);
});

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
