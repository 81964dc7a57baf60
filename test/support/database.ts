// Databases for tests: one template is prepared once per run, and every test file clones it, which takes milliseconds
// and keeps files from seeing each other's rows. Names are unique, so files may run side by side.
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { migrate } from '../../src/db/migrate.ts';
import { createBodyPartitions } from '../../src/db/partitions.ts';
import { createLog } from '../../src/log.ts';
import { createQueueBackend } from '../../src/queue/backend.ts';
import { connectTo } from './connect-to.ts';

const template = 'ilive_template';
const partitionDaysAhead = 7;
const strategy = 'file_copy'; // with a small database and no fsync half of what the default takes

/** Creates the migrated template database; `adminUrl` is a superuser's address on the run's own Postgres. */
export async function prepareTemplate(adminUrl: string): Promise<void> {
  await runAsAdmin(adminUrl, `DROP DATABASE IF EXISTS ${template} WITH (FORCE)`); // of an earlier run on the same server
  await runAsAdmin(adminUrl, `CREATE DATABASE ${template}`);
  const url = urlOf(adminUrl, template);
  await migrate(url);
  await makePartitions(url);
  await makeQueueSchema(url);
}

// Those of the coming days, which else every service would make at its first start on a clone.
async function makePartitions(url: string): Promise<void> {
  const db = connectTo(url);
  await createBodyPartitions(db, new Date(), partitionDaysAhead);
  await db.close(); // a database that somebody is connected to cannot be cloned
}

// BullMQ's own, which else every service would make at its first start on a clone: a third of what that costs Postgres.
async function makeQueueSchema(databaseUrl: string): Promise<void> {
  const log = createLog('error');
  const backend = createQueueBackend({ redisUrl: undefined, databaseUrl, prefix: 'template', log });
  const queue = await backend.openQueue('none', {});
  await queue?.close();
  await backend.disconnect();
}

/** Clones the template; `drop` also ends the connections that a test left open. */
export async function createTestDatabase(adminUrl: string): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await runAsAdmin(adminUrl, `CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY ${strategy}`);
  return {
    url: urlOf(adminUrl, name),
    drop: () => runAsAdmin(adminUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

function urlOf(adminUrl: string, database: string): string {
  const url = new URL(adminUrl);
  url.pathname = `/${database}`;
  return url.href;
}

/** One statement on a connection of its own, also on a database that takes no writes of others. */
export async function runAsAdmin(adminUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({
    connectionString: adminUrl,
    options: '-c default_transaction_read_only=off',
  });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
