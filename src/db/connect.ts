// Connections to Postgres. Every SQL function of this room takes a `Database` or a `Transaction` first and does not
// care which: both are `Queries`. Trouble of the database leaves here as ServiceError `unavailable`. Each pool carries
// its own limits in time, so that no statement can hold a request or a worker for ever (guarantee 10).

import type { Socket } from 'node:net';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import { type ClientBase, Pool, type PoolClient, type QueryConfig, types } from 'pg';
import type { Log } from '../log.ts';
import { postgresAddress } from '../postgres-address.ts';
import { encodeArray, type Plain } from './arrays.ts';
import { DrizzleQueryError, drizzle } from './drizzle.ts';
import { readTimestamp } from './timestamp.ts';
import { asDatabaseTrouble } from './trouble.ts';

export interface Queries {
  /** Runs one statement and gives its rows. A `name` makes it a prepared statement. */
  query<Row>(statement: QueryConfig): Promise<Row[]>;
  /** Runs a query that drizzle builds. */
  orm<T>(work: (orm: NodePgDatabase) => PromiseLike<T>): Promise<T>;
}

export interface Transaction extends Queries {
  readonly isTransaction: true;
}

export interface Database extends Queries {
  /** Runs `work` in one transaction (READ COMMITTED); whatever it throws rolls everything back. */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /**
   * The same, and what `read` sends goes along with the `begin`: a round trip less. It may read and lock and must not write, since
   * behind a `begin` that failed each statement is a transaction of its own. `work` is given what it answered.
   */
  transactionFrom<R, T>(
    read: (tx: Transaction) => Promise<R>,
    work: (tx: Transaction, found: R) => Promise<T>,
  ): Promise<T>;
  /** Waits for running statements, then closes every connection. */
  close(): Promise<void>;
}

export interface ConnectOptions {
  readonly url: string;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  readonly maxConnections: number;
  readonly connectTimeoutMs: number;
  /** Postgres cancels a statement that takes longer. */
  readonly statementTimeoutMs: number;
  /** For lists and look-ups: Postgres refuses every write of its sessions, and plans by rows and not by pages. */
  readonly isReadOnly?: boolean;
  /**
   * For a pool whose statements all go by the keys of a batch: they use indexes, whatever the statistics say. A plan that
   * was made while a table was empty would read it whole, and stays until the table is analyzed.
   */
  readonly goesByKeys?: boolean;
  readonly log: Log;
}

const timestamptzOid = 1184;
const idleInTransactionTimeoutMs = 30_000;
/** How much longer than its statements may take a server can be silent before its connection is given up. */
const silenceGraceMs = 2_000;

/** A pool of connections. Connects on first use: a database that is away now is an error of the statement, not of this. */
export function connect(options: ConnectOptions): Database {
  const pool = new Pool({
    // `synchronous_commit` on, whatever the server's default or the address says: an answer of ours is a promise about the disk.
    ...postgresAddress(options.url, settingsOf(options)),
    application_name: options.applicationName,
    max: options.maxConnections,
    connectionTimeoutMillis: options.connectTimeoutMs,
    statement_timeout: options.statementTimeoutMs,
    idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
    keepAlive: true,
    pipeline: true, // see `pipelined`
    types: {
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === timestamptzOid ? readTimestamp : types.getTypeParser(oid, format as 'text'),
    },
  });
  // An idle connection that breaks is replaced on the next use, and one that breaks in our hands fails its statement;
  // without listeners of both kinds it would end the process.
  pool.on('error', (error) => options.log.warn({ err: error }, 'an idle database connection broke'));
  pool.on('connect', (client) => client.on('error', () => {}));
  giveUpOnSilence(pool, options.statementTimeoutMs + silenceGraceMs);

  return {
    ...queriesOf(pool),
    transaction: (work) => runTransaction(pool, nothing, work),
    transactionFrom: (read, work) => runTransaction(pool, read, work),
    close: () => pool.end(),
  };
}

// The server cancels first; this is for one that no longer answers at all. Not `query_timeout` of `pg`: with it the groups that were
// under way at one collection of the newest objects outlived the next, and a receiver collected all it has twice a second for them. See 040.
function giveUpOnSilence(pool: Pool, silenceMs: number): void {
  const socketOf = (client: PoolClient) => client.connection.stream as Socket;
  pool.on('connect', (client) => {
    const give = () => socketOf(client).destroy(new Error(`the connection was silent for ${silenceMs} ms`));
    socketOf(client).on('timeout', give);
  });
  pool.on('acquire', (client) => void socketOf(client).setTimeout(silenceMs));
  pool.on('release', (_error, client) => void socketOf(client).setTimeout(0));
}

const inFailedTransaction = '25P02';

/**
 * The answers of statements that were sent to one transaction at once: the server runs them in the order sent, and a batch
 * does not wait for each answer before it sends the next. Resolves or throws only when all have been answered, so that none
 * can still be on its way when the transaction ends. Throws what failed first, not what then failed because of it.
 */
export async function pipelined<T extends readonly unknown[]>(
  sent: readonly [...T],
): Promise<{ -readonly [Index in keyof T]: Awaited<T[Index]> }> {
  const settled = await Promise.allSettled(sent);
  const reasons = settled.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
  if (reasons.length > 0) throw reasons.find((reason) => reason?.code !== inFailedTransaction) ?? reasons[0];
  return settled.map((each) => (each as PromiseFulfilledResult<unknown>).value) as never;
}

// What `pg` does with arrays by itself, element by element with two replacements each, is a tenth of what a batch costs us.
function withArrays(statement: QueryConfig): QueryConfig {
  const { values } = statement;
  if (values === undefined || !values.some(Array.isArray)) return statement;
  const types = arrayTypesOf(statement.text);
  return {
    ...statement,
    values: values.map((value, index) =>
      isPlainArray(value) ? encodeArray(types.get(index + 1), value) : value,
    ),
  };
}

function isPlainArray(value: unknown): value is readonly Plain[] {
  return (
    Array.isArray(value) &&
    value.every((each) => each === null || typeof each !== 'object' || each instanceof Date)
  );
}

/** By statement; there are as many as the code has. */
const knownArrayTypes = new Map<string, ReadonlyMap<number, string>>();

// `$3::uuid[]` → 3: uuid
function arrayTypesOf(statement: string): ReadonlyMap<number, string> {
  const known = knownArrayTypes.get(statement);
  if (known !== undefined) return known;
  const found = [...statement.matchAll(/\$(\d+)::(\w+)\[\]/g)];
  const types = new Map(found.map(([, place, type]) => [Number(place), type ?? '']));
  knownArrayTypes.set(statement, types);
  return types;
}

/** What a session asks of the server, as `options` in the words of `libpq`. */
export function settingsOf({
  isReadOnly = false,
  goesByKeys = false,
}: Pick<ConnectOptions, 'isReadOnly' | 'goesByKeys'>): string {
  const settings = [
    'timezone=UTC',
    'datestyle=ISO',
    'synchronous_commit=on',
    // Before 18 a scan that is switched off and still needed counts as immensely dear, and Postgres compiled such a statement
    // every time it ran: a worker drained a seventh of what it does without (measured 2026-11-26 on 15).
    'jit=off',
    // A page of a list comes from the index that leads past the fewest rows. By Postgres' own costs the way past all newer rows
    // looks cheaper, where what is asked for were spread evenly; but the newest hundred thousand may hold none of it. See 043.
    ...(isReadOnly
      ? ['default_transaction_read_only=on', 'seq_page_cost=0.01', 'random_page_cost=0.01']
      : []),
    ...(goesByKeys ? ['enable_seqscan=off', 'enable_hashjoin=off', 'enable_mergejoin=off'] : []),
  ];
  return settings.map((setting) => `-c ${setting}`).join(' ');
}

function queriesOf(client: Pool | ClientBase): Queries {
  const orm = drizzle(client as Pool);
  return {
    query: async <Row>(statement: QueryConfig) => {
      try {
        return (await client.query(withArrays(statement))).rows as Row[];
      } catch (error) {
        throw asDatabaseTrouble(error);
      }
    },
    orm: async (work) => {
      try {
        return await work(orm);
      } catch (error) {
        throw error instanceof DrizzleQueryError ? asDatabaseTrouble(error) : error;
      }
    },
  };
}

const nothing = async () => {};

async function runTransaction<R, T>(
  pool: Pool,
  read: (tx: Transaction) => Promise<R>,
  work: (tx: Transaction, found: R) => Promise<T>,
): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw asDatabaseTrouble(error);
  });
  let isBroken = false;
  try {
    const tx: Transaction = { ...queriesOf(client), isTransaction: true };
    const [, found] = await pipelined([send(client, 'begin'), read(tx)]);
    const result = await work(tx, found);
    await send(client, 'commit');
    return result;
  } catch (error) {
    isBroken = !(await rollBack(client));
    throw error;
  } finally {
    client.release(isBroken);
  }
}

async function send(client: PoolClient, text: string): Promise<void> {
  await client.query(text).catch((error: unknown) => {
    throw asDatabaseTrouble(error);
  });
}

async function rollBack(client: PoolClient): Promise<boolean> {
  try {
    await client.query('rollback');
    return true;
  } catch {
    return false; // the connection is gone, and the transaction with it
  }
}
