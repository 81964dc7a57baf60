// The bundled Postgres that was killed is called restarted once it takes connections, and not because of the file that the
// killed one left behind, which says that it is ready.
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { expect, test } from 'vitest';
import { startEmbeddedPostgres } from '../../src/db/embedded.ts';
import type { Log } from '../../src/log.ts';
import { silent } from '../support/service.ts';

async function ask(url: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query('select 1 as id')).rows;
  } finally {
    await client.end();
  }
}

test('one that was killed takes connections the moment it is called restarted', async () => {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'ilive-restarts-'));
  await chmod(dataDir, 0o711); // as root, Postgres runs as another user and has to get through
  const { promise: answered, resolve } = Promise.withResolvers<unknown[]>();
  const log: Log = {
    ...silent,
    warn: (_facts: unknown, message?: unknown) => {
      if (message === 'the bundled Postgres was restarted') resolve(ask(postgres.url));
    },
  };
  const postgres = await startEmbeddedPostgres({ dataDir, log });
  try {
    const [pid] = (await readFile(path.join(dataDir, 'pg18', 'postmaster.pid'), 'utf8')).split('\n');
    process.kill(Number(pid), 'SIGKILL');
    expect(await answered).toEqual([{ id: 1 }]);
  } finally {
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
});
