// Guarantees 1, 5 and 12: whatever was answered 202 is in the tables, once, however the process ends. The service is the
// real process with a Postgres of its own, and traffic goes on while it is killed. Here the queue is killed with Postgres, and
// stopped on Redis; the other way round `explores` kills it on Redis, and `rolling-restart` stops it on Postgres.

import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';
import { expectAllSettled, startTraffic } from '../support/settled-traffic.ts';
import { until } from '../support/until.ts';

let madeDir: string;
let dataDir: string;
let running: ServiceProcess | undefined;

const removeDir = (dir: string) => rm(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });

// One data folder is made, and each test begins with a copy, which takes a tenth of the time.
beforeAll(async () => {
  madeDir = await mkdtemp(join(tmpdir(), 'ilive-crash-made-'));
  expect(await (await startServiceProcess({ DATA_DIR: madeDir })).end('SIGTERM')).toBe(0);
});
afterAll(() => removeDir(madeDir));

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'ilive-crash-'));
  await cp(madeDir, dataDir, { recursive: true, preserveTimestamps: true });
});

afterEach(async () => {
  await running?.end('SIGKILL');
  await removeDir(dataDir);
});

test('guarantee 1: killed with SIGKILL in the middle, twice: every delivery answered 202 is there, once', async () => {
  const env = { DATA_DIR: dataDir };
  const accepted = new Map<string, string>();
  for (let kill = 1; kill <= 2; kill += 1) {
    running = await startServiceProcess(env);
    const traffic = startTraffic(running.url, 16);
    await until(() => traffic.accepted.size > 150, { describe: 'some are accepted' });
    await running.end('SIGKILL');
    await traffic.stop();
    for (const [sessionId, deliveryId] of traffic.accepted) accepted.set(sessionId, deliveryId);
  }
  expect(accepted.size).toBeGreaterThan(300);
  running = await startServiceProcess(env);
  await expectAllSettled(running.url, accepted);
});

test('guarantee 12: stopped with SIGTERM under load: no 5xx, exit code 0, and nothing accepted is missing', async () => {
  const queue = { REDIS_URL: inject('redisUrl'), QUEUE_PREFIX: `crash-${randomUUID()}` };
  const env = { DATA_DIR: dataDir, ...queue };
  running = await startServiceProcess(env);
  const traffic = startTraffic(running.url, 16);
  await until(() => traffic.accepted.size > 150, { describe: 'some are accepted' });
  expect(await running.end('SIGTERM')).toBe(0);
  await traffic.stop();
  // A connection that is refused or closed between requests is what a proxy turns to the next instance for.
  expect(traffic.refused.filter((status) => status !== 0)).toEqual([]);
  running = await startServiceProcess(env);
  await expectAllSettled(running.url, traffic.accepted);
});
