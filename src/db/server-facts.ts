// What a Postgres says of itself, for who checks whether it fits; and how far its schema is.
import type { Queries } from './connect.ts';
import { countDaysAhead } from './partitions.ts';

export interface PostgresFacts {
  readonly versionNumber: number;
  readonly settings: Readonly<Record<string, string>>;
  /** The newest migration of the database, as the time that names it. */
  readonly newestMigration: number;
  /** Rows of the last week in the partition that takes what no day's partition takes; counted up to 1,000. */
  readonly strayBodies: number;
  /** Days from today on that have a partition, up to the first that has none. */
  readonly daysAhead: number;
  readonly collation: Collation;
}

/** By which rules the database orders texts, and so every index over one. */
export interface Collation {
  readonly name: string;
  /** Whether that is the order of the bytes, which needs no library's help. */
  readonly isByBytes: boolean;
  /** Of the library with whose rules the indexes were made, and of the one that is there; null where there is none. */
  readonly madeWith: string | null;
  readonly version: string | null;
}

export async function readPostgresFacts(db: Queries, now: Date): Promise<PostgresFacts> {
  const [settings, [row], daysAhead, collation] = await Promise.all([
    db.query<{ name: string; setting: string }>({
      text: `select name, setting from pg_settings where name in
             ('server_version_num', 'server_encoding', 'fsync', 'full_page_writes', 'wal_compression',
              'max_connections', 'superuser_reserved_connections', 'reserved_connections')`,
    }),
    db.query<{ migration: string; stray: string }>({
      text: `
        select (select max(created_at) from drizzle.__drizzle_migrations) as migration,
               (select count(*) from (select 1 from delivery_bodies_default
                                       where received_at > clock_timestamp() - interval '7 days' limit 1000) s) as stray`,
    }),
    countDaysAhead(db, now),
    readCollation(db),
  ]);
  const byName = Object.fromEntries(settings.map(({ name, setting }) => [name, setting]));
  return {
    versionNumber: Number(byName.server_version_num),
    settings: byName,
    newestMigration: Number(row?.migration ?? 0),
    strayBodies: Number(row?.stray ?? 0),
    daysAhead,
    collation,
  };
}

async function readCollation(db: Queries): Promise<Collation> {
  const [row] = await db.query<{ provider: string; name: string; madeWith: string; version: string }>({
    // The column with the name of a rule that is not the C library's is called otherwise before Postgres 17.
    text: `
      select datlocprovider as provider, datcollversion as "madeWith",
             pg_database_collation_actual_version(oid) as version,
             coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', datcollate) as name
      from pg_database d where datname = current_database()`,
  });
  if (row === undefined) throw new Error('a database has a row of its own');
  const { provider, name, madeWith, version } = row;
  const isByBytes = provider === 'b' || (provider === 'c' && ['C', 'POSIX'].includes(name));
  return { name, isByBytes, madeWith, version };
}

/** The time by Postgres' own clock. */
export async function readDatabaseNow(db: Queries): Promise<Date> {
  const [row] = await db.query<{ now: string }>({
    name: 'database-now',
    text: 'select clock_timestamp() as now',
  });
  return new Date(row?.now ?? Number.NaN);
}
