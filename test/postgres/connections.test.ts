// What each connection of ours asks of its session, whatever the server's own settings say, and when it is given up.
import { expect, test } from 'vitest';
import { type ConnectOptions, pipelined, type Queries, type Transaction } from '../../src/db/connect.ts';
import { listenTo } from '../../src/db/listen.ts';
import { lockNames, tryLockNames } from '../../src/db/locks.ts';
import { connectTo } from '../support/connect-to.ts';
import { silent } from '../support/service.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';

const testDatabase = useTestDatabase();

function connectOne(asked: Partial<ConnectOptions>) {
  return connectTo(testDatabase.url, { maxConnections: 1, statementTimeoutMs: 5_000, ...asked });
}

test.each([false, true])(
  'a commit waits for the disk and nothing is compiled (by keys: %s)',
  async (goesByKeys) => {
    const db = connectOne({ goesByKeys });
    try {
      const [settings] = await db.query({
        text: `select current_setting('synchronous_commit') as commit, current_setting('jit') as jit,
               current_setting('enable_hashjoin') as "hashJoin", current_setting('timezone') as timezone`,
      });
      const hashJoin = goesByKeys ? 'off' : 'on';
      expect(settings).toEqual({ commit: 'on', jit: 'off', hashJoin, timezone: 'UTC' });
    } finally {
      await db.close();
    }
  },
);

test('what the role or the database says of locks and of how transactions see each other does not count', async () => {
  const name = new URL(testDatabase.url).pathname.slice(1);
  await testDatabase.db.query({
    text: `alter database ${name} set default_transaction_isolation = 'serializable'`,
  });
  await testDatabase.db.query({ text: `alter database ${name} set lock_timeout = '1ms'` });
  const db = connectOne({});
  try {
    const [settings] = await db.query({
      text: `select current_setting('transaction_isolation') as isolation, current_setting('lock_timeout') as "lock"`,
    });
    expect(settings).toEqual({ isolation: 'read committed', lock: '0' });
  } finally {
    await db.close();
    for (const setting of ['default_transaction_isolation', 'lock_timeout'])
      await testDatabase.db.query({ text: `alter database ${name} reset ${setting}` });
  }
});

test('what an address asks of its sessions counts only where we ask nothing', async () => {
  const url = new URL(testDatabase.url);
  url.searchParams.set(
    'options',
    '-c search_path=drizzle -c synchronous_commit=off -c timezone=Asia/Tokyo -c jit=on -c statement_timeout=0 -c default_transaction_read_only=off',
  );
  url.searchParams.set('statement_timeout', '0');
  url.searchParams.set('idle_in_transaction_session_timeout', '0');
  url.searchParams.set('query_timeout', '1');
  url.searchParams.set('application_name', 'theirs');
  const db = connectOne({ url: url.href, isReadOnly: true });
  try {
    const [settings] = await db.query({
      text: `select current_setting('synchronous_commit') as commit, current_setting('jit') as jit,
               current_setting('timezone') as timezone, current_setting('statement_timeout') as statement,
               current_setting('idle_in_transaction_session_timeout') as idle,
               current_setting('default_transaction_read_only') as "readOnly",
               current_setting('application_name') as name, current_setting('search_path') as path
             from pg_sleep(0.05)`,
    });
    expect(settings).toEqual({
      commit: 'on',
      jit: 'off',
      timezone: 'UTC',
      statement: '5s',
      idle: '30s',
      readOnly: 'on',
      name: 'test',
      path: 'drizzle',
    });
  } finally {
    await db.close();
  }
});

test('the connection that listens is ours by name, and waits for its answers as long as we do', async () => {
  const url = new URL(testDatabase.url);
  url.searchParams.set('application_name', 'theirs');
  url.searchParams.set('query_timeout', '1');
  url.searchParams.set('options', '-c search_path=drizzle');
  let listenedCount = 0;
  const listener = listenTo({
    url: url.href,
    channel: 'told',
    onNotify: () => {},
    onListening: () => {
      listenedCount += 1;
    },
    log: silent,
  });
  try {
    await until(() => listenedCount > 0);
    const connected = await testDatabase.db.query({
      text: `select query from pg_stat_activity where datname = current_database() and application_name = 'ilive-webhooks listen'`,
    });
    expect(connected).toEqual([{ query: 'listen told' }]);
  } finally {
    await listener.close();
  }
});

test('lists are planned by rows, on sessions that cannot write', async () => {
  const db = connectOne({ isReadOnly: true });
  try {
    await expect(db.query({ text: 'create table written (n int)' })).rejects.toThrow(/not available/);
    const [settings] = await db.query({
      text: `select current_setting('seq_page_cost') as next, current_setting('random_page_cost') as random`,
    });
    expect(settings).toEqual({ next: '0.01', random: '0.01' });
  } finally {
    await db.close();
  }
});

test('statements that are sent at once run in the order sent, in one transaction', async () => {
  const { db } = testDatabase;
  const names = await db.transaction(async (tx) => {
    const [, , rows] = await pipelined([
      tx.query({ text: 'create temporary table told (name text) on commit drop' }),
      tx.query({ text: `insert into told values ('first')` }),
      tx.query<{ name: string }>({ text: 'select name from told' }),
    ]);
    return rows.map(({ name }) => name);
  });
  expect(names).toEqual(['first']);
});

test('of statements that were sent at once the first that fails is told, none of the others stays, and all are answered', async () => {
  const { db } = testDatabase;
  await db.query({ text: 'create table kept (name text not null)' });
  let lateAnswer = 'none yet';
  const failing = db.transaction((tx) => {
    const refused = tx.query({ text: 'insert into kept values (null)' });
    const behind = async () => {
      await refused.catch(() => {});
      await new Promise((resolve) => setImmediate(resolve)); // by now a transaction that does not wait would have ended
      await tx.query({ text: `insert into kept values ('behind')` }).catch((error: Error) => {
        lateAnswer = error.message;
        throw error;
      });
    };
    return pipelined([behind(), refused, tx.query({ text: `insert into kept values ('after')` })]);
  });
  await expect(failing).rejects.toMatchObject({ code: '23502' });
  expect(lateAnswer).toMatch(/aborted/);
  expect(await db.query({ text: 'select name from kept' })).toEqual([]);
});

test('a server that has vanished is away: the connection that waits for it is given up, and no other', async () => {
  const url = new URL(testDatabase.url);
  const wire = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
  url.host = `127.0.0.1:${wire.port}`;
  const db = connectOne({ url: url.href, maxConnections: 2, statementTimeoutMs: 100 });
  const findPid = async (queries: Queries = db) =>
    (await queries.query<{ pid: number }>({ text: 'select pg_backend_pid() as pid' }))[0]?.pid;
  const silence = { code: 'unavailable', message: expect.stringContaining('silent for 2100 ms') };
  try {
    const both = await Promise.all([findPid(), findPid()]);
    wire.freeze();
    await expect(findPid()).rejects.toMatchObject(silence);
    wire.thaw();
    const other = await findPid(); // it was unused for as long, which is no silence
    expect(both).toContain(other);
    const transaction = db.transaction(async (tx) => {
      expect(await findPid(tx)).toBe(other);
      wire.freeze();
      await pipelined([findPid(tx), findPid(tx)]);
    });
    await expect(transaction).rejects.toMatchObject(silence);
    wire.thaw();
    expect(both).not.toContain(await findPid());
  } finally {
    await db.close();
    await wire.close();
  }
});

test('what is read with the begin is held until the transaction ends, and where reading fails nothing is begun', async () => {
  const db = connectOne({});
  const isHeld = async () =>
    (await tryLockNames(testDatabase.db as unknown as Transaction, ['session'])).size === 0;
  const begun: string[] = [];
  try {
    const held = await db.transactionFrom(
      (tx) => lockNames(tx, ['session']),
      async () => isHeld(),
    );
    expect(held).toBe(true);
    expect(await isHeld()).toBe(false);
    const failing = db.transactionFrom(
      (tx) => pipelined([tx.query({ text: 'select 1 / 0' }), lockNames(tx, ['session'])]),
      async () => void begun.push('work'),
    );
    await expect(failing).rejects.toThrow('division by zero');
    expect(begun).toEqual([]);
    expect(await isHeld()).toBe(false);
    const [alone] = await db.query({ text: 'select now() = statement_timestamp() as "isAlone"' });
    expect(alone).toEqual({ isAlone: true });
  } finally {
    await db.close();
  }
});
