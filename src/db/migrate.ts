// Brings the database to this version's schema, or refuses. Any number of processes may start at once: one migrates, the
// others wait for its advisory lock, and where it dies another goes on from the last migration that was finished. Versions
// before this one may be at work meanwhile, so no migration may hold up their writes for longer than `lockTimeoutMs`.
// A database that a newer version migrated is refused, unless all that was done to it since leaves this version what it uses.
import { setTimeout as wait } from 'node:timers/promises';
import { Client, DatabaseError } from 'pg';
import { ServiceError } from '../errors.ts';
import { type Log, messageOf } from '../log.ts';
import { postgresAddress } from '../postgres-address.ts';
import { type Migration, readMigrations } from './migration-files.ts';
import { asDatabaseTrouble } from './trouble.ts';

export interface MigrateOptions {
  readonly log?: Pick<Log, 'info' | 'warn'>;
  /** True once nobody wants the database any more. */
  readonly isGivenUp?: () => boolean;
  readonly folder?: string;
}

// Any constant will do, as long as every version of the service uses the same one.
const advisoryLockKey = 4_921_337_001;
const lockPollMs = 250;
// What waits for a table's lock holds up every write behind it. So it waits this long, lets the writes go by, and tries again.
const lockTimeoutMs = 2_000;
const lockPauseMs = 1_000;
const lockDeadlineMs = 5 * 60_000;
const waitedForALock = ['55P03', '40P01'];
// An index on a large table takes what it takes, also where the role's statements may take no longer than a request.
const ownSettings = '-c statement_timeout=0';
/** A right is missing; or a schema is, since one that a role may not use counts as none. */
const missingRight = ['42501', '3F000'];
// Where the process that migrates is gone, its session must end and with it the lock: within this, as the machine can tell.
const goneSettings = [
  'set tcp_keepalives_idle = 10',
  'set tcp_keepalives_interval = 5',
  'set tcp_keepalives_count = 3',
  `set client_connection_check_interval = '1s'`, // not on every system
];

/** Migrates the database at `url`; returns once this version can run on it. Throws `schema_mismatch` when it cannot, `config_invalid` when the role may not or the database is not made for it. */
export async function migrate(url: string, options: MigrateOptions = {}): Promise<void> {
  const migrations = await readMigrations(options.folder);
  const client = createClient(url);
  client.on('error', () => {}); // what breaks in between comes back as the error of the next statement
  try {
    await client.connect();
    if ((await findPending(client, migrations, options)).length === 0) return;
    for (const setting of goneSettings) await client.query(setting).catch(ignoreRefused);
    await lock(client, options);
    await prepareTable(client);
    for (const migration of await findPending(client, migrations, options)) {
      await applyPatiently(client, migration, options);
      options.log?.info({ migration: migration.tag }, 'the database was migrated');
    }
  } catch (error) {
    throw asMissingRight(error) ?? asDatabaseTrouble(error);
  } finally {
    await client.end().catch(() => {}); // ends the session, and with it the lock
  }
}

// What it cannot make of the address, such as a certificate that is not there, no waiting mends. It never says a password.
function createClient(url: string): Client {
  try {
    return new Client({
      ...postgresAddress(url, ownSettings),
      application_name: 'ilive-webhooks migrate',
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
    });
  } catch (error) {
    const message = `DATABASE_URL cannot be used: ${messageOf(error as Error)}`;
    throw new ServiceError('config_invalid', message, { cause: error });
  }
}

function asMissingRight(error: unknown): ServiceError | undefined {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (!missingRight.includes(String(code))) return undefined;
  return new ServiceError(
    'config_invalid',
    `The role of DATABASE_URL may not make or change the service's tables: ${message}. It has to own the database, or to have CREATE on it and on the first schema of its search_path.`,
    { cause: error },
  );
}

// Asked again and again instead of waited for: a statement that waits has a snapshot, and an index that is built beside
// writes waits for every snapshot to end.
async function lock(client: Client, { log, isGivenUp }: MigrateOptions): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const { rows } = await client.query<{ isLocked: boolean }>(
      'select pg_try_advisory_lock($1) as "isLocked"',
      [advisoryLockKey],
    );
    if (rows[0]?.isLocked) return;
    if (isGivenUp?.()) throw new ServiceError('unavailable', 'another process migrates the database');
    if (tries === 0) log?.info({}, 'another process migrates the database; waiting for it');
    await wait(lockPollMs);
  }
}

async function findPending(
  client: Client,
  migrations: readonly Migration[],
  { log }: MigrateOptions,
): Promise<readonly Migration[]> {
  const { rows: kept } = await client.query<{ encoding: string; hasTable: boolean; hasColumn: boolean }>(
    `select current_setting('server_encoding') as encoding,
            to_regclass('drizzle.__drizzle_migrations') is not null as "hasTable",
            exists (select from pg_attribute where attname = 'needs_made_at'
                    and attrelid = to_regclass('drizzle.__drizzle_migrations')) as "hasColumn"`,
  );
  if (!kept[0]?.hasTable) {
    holdsEveryText(kept[0]?.encoding);
    return migrations;
  }
  // What a version applied that did not say whom it leaves what they use is taken to leave nobody anything.
  const needs = kept[0].hasColumn ? 'coalesce(needs_made_at, created_at)' : 'created_at';
  const own = Math.max(...migrations.map(({ madeAtMs }) => madeAtMs));
  const { rows } = await client.query<{ newest: string | null; needed: string | null }>(
    `select max(created_at) as newest, max(${needs}) filter (where created_at > $1) as needed
     from drizzle.__drizzle_migrations`,
    [own],
  );
  const newest = Number(rows[0]?.newest ?? 0);
  if (newest <= own) return migrations.filter(({ madeAtMs }) => madeAtMs > newest);
  if (Number(rows[0]?.needed ?? newest) > own) {
    const message =
      'this database was migrated by a newer version of ilive-webhooks; start that version or a newer one';
    throw new ServiceError('schema_mismatch', message);
  }
  log?.warn({}, 'this database was migrated by a newer version, which left what this one uses; going on');
  return [];
}

// In another encoding what somebody is called can be a verdict that Postgres refuses. One that is in use already goes on; the doctor complains.
function holdsEveryText(encoding = ''): void {
  if (encoding === 'UTF8') return;
  const message = `The database of DATABASE_URL has the encoding ${encoding}, and has to have UTF8: \`create database … encoding 'UTF8'\`.`;
  throw new ServiceError('config_invalid', message);
}

// Drizzle's own table, so that databases which its migrator made go on as they are; the last column is ours.
async function prepareTable(client: Client): Promise<void> {
  await client.query('create schema if not exists drizzle');
  await client.query(
    `create table if not exists drizzle.__drizzle_migrations
       (id serial primary key, hash text not null, created_at bigint, needs_made_at bigint)`,
  );
  await client.query(
    'alter table drizzle.__drizzle_migrations add column if not exists needs_made_at bigint',
  );
}

async function applyPatiently(
  client: Client,
  migration: Migration,
  { log, isGivenUp }: MigrateOptions,
): Promise<void> {
  const startedAt = performance.now();
  for (let tries = 0; ; tries += 1) {
    try {
      return await (migration.isInTransaction ? applyWhole : applyInSteps)(client, migration);
    } catch (error) {
      const hasWaited = error instanceof DatabaseError && waitedForALock.includes(error.code ?? '');
      if (!hasWaited || isGivenUp?.() || performance.now() - startedAt > lockDeadlineMs) throw error;
      if (tries % 10 === 0)
        log?.warn({ err: error, migration: migration.tag }, 'a migration waits for a lock; trying again');
      await wait(lockPauseMs);
    }
  }
}

async function applyWhole(client: Client, migration: Migration): Promise<void> {
  await client.query('begin');
  try {
    await client.query(`set local lock_timeout = ${lockTimeoutMs}`);
    for (const statement of migration.statements) await client.query(statement);
    await note(client, migration);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => {}); // the connection is gone, and the transaction with it
    throw error;
  }
}

// Each statement by itself, and all of them again when the process died in between: what is there stays. What builds an
// index beside writes leaves a broken one behind when it dies; that one is taken away first.
async function applyInSteps(client: Client, migration: Migration): Promise<void> {
  for (const statement of migration.statements) {
    const name = /create\s+(?:unique\s+)?index\s+concurrently\s+if\s+not\s+exists\s+"?([\w-]+)"?/i.exec(
      statement,
    )?.[1];
    if (name !== undefined) await dropBroken(client, name);
    await client.query(statement);
  }
  await note(client, migration);
}

async function dropBroken(client: Client, name: string): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `select indexrelid::regclass::text as name from pg_index join pg_class c on c.oid = indexrelid
     where c.relname = $1 and c.relnamespace = current_schema()::regnamespace and not indisvalid`,
    [name],
  );
  for (const broken of rows) await client.query(`drop index concurrently if exists ${broken.name}`);
}

async function note(client: Client, { hash, madeAtMs, needsMadeAtMs }: Migration): Promise<void> {
  await client.query(
    'insert into drizzle.__drizzle_migrations (hash, created_at, needs_made_at) values ($1, $2, $3)',
    [hash, madeAtMs, needsMadeAtMs],
  );
}

function ignoreRefused(error: unknown): void {
  if (!(error instanceof DatabaseError)) throw error;
}
