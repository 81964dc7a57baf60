// Guarantees 1 and 2 in the worst minute: Postgres is gone and the receiver is killed too. Whatever was answered 202 is in the
// tables, once, when both are back, whoever has to see to it. The service is the real process, and traffic goes on all the
// while.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { figureOf } from '../support/figures.ts';
import { deliver, get, verdictPayload } from '../support/service.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';
import { expectAllSettled, startTraffic, type Traffic } from '../support/settled-traffic.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

let dataDir: string;
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let wire: TcpProxy;
const running: ServiceProcess[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'ilive-outage-crash-'));
  database = await createTestDatabase(inject('postgresUrl'));
  const { hostname, port } = new URL(database.url);
  wire = await startTcpProxy({ host: hostname, port: Number(port) });
});

afterEach(async () => {
  for (const each of running.splice(0)) await each.end('SIGKILL');
  if (wire.isOpen()) await wire.close();
  await database.drop();
  await rm(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
});

async function start(env: Record<string, string> = {}): Promise<ServiceProcess> {
  const url = new URL(database.url);
  url.port = String(wire.port);
  const started = await startServiceProcess({ DATA_DIR: dataDir, DATABASE_URL: url.href, ...env });
  running.push(started);
  return started;
}

const accepts = (traffic: Traffic, count: number) => {
  const goal = traffic.accepted.size + count;
  return until(() => traffic.accepted.size >= goal, { describe: 'more are accepted' });
};

test('guarantee 1, guarantee 2: killed with SIGKILL in the middle of an outage, twice: every delivery answered 202 is there, once', async () => {
  const accepted = new Map<string, string>();
  for (let kill = 1; kill <= 2; kill += 1) {
    const service = await start();
    const traffic = startTraffic(service.url, 8);
    await accepts(traffic, 50);
    await wire.cut();
    await accepts(traffic, 150);
    await service.end('SIGKILL');
    await traffic.stop();
    expect(traffic.refused.filter((status) => status !== 0)).toEqual([]);
    for (const [sessionId, deliveryId] of traffic.accepted) accepted.set(sessionId, deliveryId);
    // Started while Postgres is still away, or once it is back.
    if (kill === 2) setTimeout(() => void wire.mend(), 1_000);
    else await wire.mend();
  }
  const service = await start();
  await expectAllSettled(service.url, accepted);
});

test('guarantee 1, guarantee 2: killed with SIGKILL while the store is drained: nothing is lost, and nothing is there twice', async () => {
  const first = await start();
  await wire.cut();
  const traffic = startTraffic(first.url, 32);
  await accepts(traffic, 1_200);
  await traffic.stop();
  const store = join(dataDir, 'outage', '1');
  expect((await readdir(store)).length).toBe(1);
  await wire.mend();
  // Recording has begun, and has not ended: the file goes with its last record.
  await until(async () => (await figureOf(first, 'ilive_outage_drained_total')) > 0);
  await first.end('SIGKILL');
  const second = await start();
  await expectAllSettled(second.url, traffic.accepted);
  expect(await readdir(store)).toEqual([]);
});

test('guarantee 2: a second process records what the first, which was killed, had kept, and never while it lives', async () => {
  const first = await start();
  const second = await start();
  await wire.cut();
  const kept = new Map<string, string>();
  for (let count = 0; count < 20; count += 1) {
    const payload = verdictPayload();
    const answer = await deliver(first.url, payload);
    expect(answer.status).toBe(202);
    kept.set(payload.session_id, answer.body.delivery_id);
  }
  process.kill(first.pid, 'SIGSTOP'); // it lives, and does nothing
  await wire.mend();
  const store = join(dataDir, 'outage', '1');
  const [name = ''] = await readdir(store);
  const before = await readFile(join(store, name));
  // Its own store is empty, so that it looks after others: it has had several turns once this is through.
  await until(async () => (await get(second.url, '/readyz', null)).body.database === 'up');
  const turnsUntil = performance.now() + 6_000;
  await until(() => performance.now() > turnsUntil);
  expect(await readFile(join(store, name))).toEqual(before);
  await first.end('SIGKILL');
  await until(async () => (await readdir(store)).length === 0);
  await expectAllSettled(second.url, kept);
});

test('guarantee 2: the embedded Postgres is killed under load and restarts: all are answered 202, none is lost', async () => {
  const service = await startServiceProcess({ DATA_DIR: dataDir });
  running.push(service);
  const traffic = startTraffic(service.url, 8);
  await accepts(traffic, 100);
  for (let kill = 1; kill <= 2; kill += 1) {
    const [pid] = (await readFile(join(dataDir, 'pg18', 'postmaster.pid'), 'utf8')).split('\n');
    process.kill(Number(pid), 'SIGKILL');
    await accepts(traffic, 100);
    await until(async () => (await get(service.url, '/readyz', null)).body.database === 'up');
    await accepts(traffic, 100);
  }
  await traffic.stop();
  expect(traffic.refused).toEqual([]);
  await expectAllSettled(service.url, traffic.accepted);
});
