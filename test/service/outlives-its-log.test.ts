// A log that cannot be written, as on a disk that is full: the service goes on, and it ends when it is told to.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { findFreePort } from '../support/free-port.ts';
import { deliver, get, verdictPayload } from '../support/service.ts';
import { ownEnvironment } from '../support/service-process.ts';
import { useUndo } from '../support/undo.ts';
import { until } from '../support/until.ts';

const undo = useUndo();

test('with a log that takes nothing it starts, accepts, and stops with exit code 0', async () => {
  const database = await createTestDatabase(inject('postgresUrl'));
  undo.push(database.drop);
  const dataDir = await mkdtemp(join(tmpdir(), 'ilive-log-'));
  undo.push(() => rm(dataDir, { recursive: true, force: true }));
  const port = await findFreePort();
  const unwritable = openSync(import.meta.filename, 'r'); // no platform writes through it; only Linux has a /dev/full
  const child = spawn(process.execPath, ['src/main.ts'], {
    env: {
      ...ownEnvironment(dataDir),
      PORT: String(port), // where it listens cannot be read from its log
      DATABASE_URL: database.url,
      LOG_LEVEL: 'debug',
    },
    stdio: ['ignore', unwritable, 'inherit'],
  });
  closeSync(unwritable);
  const ended = once(child, 'exit');
  undo.push(() => child.kill('SIGKILL'));
  const url = `http://127.0.0.1:${port}`;
  await until(async () => (await get(url, '/readyz', null)).status === 200);
  for (let count = 0; count < 5; count += 1) {
    expect((await deliver(url, verdictPayload())).status).toBe(202);
    expect((await deliver(url, verdictPayload(), { secret: 'not-the-secret'.repeat(4) })).status).toBe(401);
  }
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});
