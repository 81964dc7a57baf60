// A migrated database of a test file's own, with a pool on it: made before the file's tests and dropped after them.
import { afterAll, beforeAll, inject } from 'vitest';
import type { Database } from '../../src/db/connect.ts';
import { connectTo } from './connect-to.ts';
import { createTestDatabase } from './database.ts';

export interface TestDatabase {
  /** Only from within a test or a hook. */
  readonly db: Database;
  readonly url: string;
}

/** To be called once, at the top of a test file. */
export function useTestDatabase(): TestDatabase {
  let database: Awaited<ReturnType<typeof createTestDatabase>> | undefined;
  let db: Database | undefined;
  beforeAll(async () => {
    database = await createTestDatabase(inject('postgresUrl'));
    db = connectTo(database.url, { maxConnections: 6, statementTimeoutMs: 10_000 });
  });
  afterAll(async () => {
    await db?.close();
    await database?.drop();
  });
  const made = <T>(thing: T | undefined): T => {
    if (thing === undefined) throw new Error('the database is made before the first test, not earlier');
    return thing;
  };
  return {
    get db() {
      return made(db);
    },
    get url() {
      return made(database).url;
    },
  };
}
