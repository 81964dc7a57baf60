// Brings the database to this version's schema, or refuses. Any number of processes may start at once: they queue on an
// advisory lock. All pending migrations are one transaction, so one that fails leaves nothing behind and is thrown.
// A database that a newer version migrated is refused, since this one cannot know what changed.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, DatabaseError } from 'pg';
import { ServiceError } from '../errors.ts';
import { drizzle, migrate as runDrizzleMigrations } from './drizzle.ts';
import { asDatabaseTrouble } from './trouble.ts';

const migrationsFolder = join(import.meta.dirname, '../../migrations');
// Any constant will do, as long as every version of the service uses the same one.
const advisoryLockKey = 4_921_337_001;
const undefinedTable = '42P01';

/** Migrates the database at `url`; returns once its schema is exactly ours. Throws `schema_mismatch` when it is newer. */
export async function migrate(url: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000, keepAlive: true });
  client.on('error', () => {}); // what breaks in between comes back as the error of the next statement
  try {
    await client.connect();
    await client.query('select pg_advisory_lock($1)', [advisoryLockKey]);
    await refuseNewer(client);
    await runDrizzleMigrations(drizzle(client), { migrationsFolder });
  } catch (error) {
    throw asDatabaseTrouble(error);
  } finally {
    await client.end().catch(() => {}); // ends the session, and with it the lock
  }
}

async function refuseNewer(client: Client): Promise<void> {
  const journal = JSON.parse(await readFile(join(migrationsFolder, 'meta/_journal.json'), 'utf8')) as {
    entries: { when: number }[];
  };
  const newestOfOurs = Math.max(...journal.entries.map((entry) => entry.when));
  const applied = await client
    .query<{ newest: string | null }>('select max(created_at) as newest from drizzle.__drizzle_migrations')
    .catch((error: unknown) => {
      if (error instanceof DatabaseError && error.code === undefinedTable) return { rows: [] };
      throw error;
    });
  const newest = Number(applied.rows[0]?.newest ?? 0);
  if (newest > newestOfOurs) {
    throw new ServiceError(
      'schema_mismatch',
      'this database was migrated by a newer version of ilive-webhooks; start that version or a newer one',
    );
  }
}
