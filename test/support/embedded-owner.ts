// A process of its own that owns a bundled Postgres, for tests that kill owners. It prints one JSON line when it is
// ready, then, when told to write, the id of every row whose commit was acknowledged. It never ends by itself.
import pg from 'pg';
import { startEmbeddedPostgres } from '../../src/db/embedded.ts';
import { createLog } from '../../src/log.ts';

const [dataDir = '', task = 'wait'] = process.argv.slice(2);
const postgres = await startEmbeddedPostgres({ dataDir, log: createLog('silent') }).catch((error: Error) => {
  process.stdout.write(`${JSON.stringify({ failed: error.message })}\n`);
  process.exit(1);
});
process.stdout.write(`${JSON.stringify({ url: postgres.url })}\n`);
process.once('SIGTERM', () => {
  void postgres.stop().then(() => process.exit(0));
});
if (task === 'write') {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  await client.query('CREATE TABLE IF NOT EXISTS kept (id int PRIMARY KEY)');
  for (let id = 1; ; id += 1) {
    await client.query('INSERT INTO kept (id) VALUES ($1)', [id]);
    process.stdout.write(`${id}\n`);
  }
}
