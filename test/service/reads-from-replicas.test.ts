// Lists and look-ups go to a streaming replica while it is fit, and to the primary at once when it is not. The replica is a
// real one: it is paused, killed and promoted here.
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { Database } from '../../src/db/connect.ts';
import { connectTo } from '../support/connect-to.ts';
import { createTestDatabase } from '../support/database.ts';
import { operatorOf } from '../support/operator.ts';
import { type Replicated, startReplicated } from '../support/replica.ts';
import { startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

let replicated: Replicated;
let stranger: Awaited<ReturnType<typeof createTestDatabase>>;
let service: TestService;
let replica: Database;
let wire: TcpProxy;

beforeAll(async () => {
  replicated = await startReplicated();
  stranger = await createTestDatabase(inject('postgresUrl'));
  replica = connectTo(replicated.replicaUrl, { maxConnections: 1 });
  const listed = new URL(replicated.replicaUrl);
  wire = await startTcpProxy({ host: listed.hostname, port: Number(listed.port) });
  listed.port = String(wire.port);
  service = await startTestService({
    databaseUrl: replicated.primaryUrl,
    env: {
      DATABASE_READ_URL: `${listed.href}, ${stranger.url}`,
      DATABASE_READ_MAX_LAG_SECONDS: '10', // for what is looked at before it lags too much
    },
  });
});

afterAll(async () => {
  await service?.stop();
  await replica?.close();
  await wire?.close();
  await stranger?.drop();
  await replicated?.stop();
});

async function sessionIds(): Promise<string[]> {
  const { status, body } = await service.get('/v1/sessions?limit=200');
  expect(status).toBe(200);
  return body.data.map((row: { session_id: string }) => row.session_id);
}

async function stateOf(index: number): Promise<string> {
  const { body } = await service.get('/v1/ops/status');
  return body.replicas[index].state;
}

const run = (statement: string) => replica.query({ text: statement });

test('a replica that has caught up answers lists, and another database that is listed by mistake never does', async () => {
  await until(async () => (await stateOf(0)) === 'usable');
  expect(await stateOf(1)).toBe('other_database');
  const asking = await until(async () => {
    await sessionIds();
    const rows = await run(
      `select query from pg_stat_activity where application_name = 'ilive-webhooks replica' and query ilike '%"sessions"%'`,
    );
    return rows[0];
  });
  expect(asking).toBeDefined();
  const { body } = await operatorOf(service.url).ops('POST', '/doctor', { why: 'a test', probe: false });
  const findings = body.findings.filter(({ check }: { check: string }) => check.startsWith('replica '));
  expect(findings.map(({ level }: { level: string }) => level)).toEqual(['ok', 'warning']);
  expect(JSON.stringify(findings)).not.toContain('ilive:');
  const wires = body.findings.filter(({ check }: { check: string }) =>
    check.startsWith('encryption of replica '),
  );
  expect(wires).toHaveLength(2);
  for (const { message } of wires) expect(message).toBe('connections stay on this machine, without TLS');
});

test('guarantee 19: a replica that lags answers until it lags too much; what must be right never waits for it', async () => {
  await run('select pg_wal_replay_pause()');
  const payload = verdictPayload();
  const { body: delivered } = await service.deliver(payload);
  await service.settled();
  expect(await sessionIds()).not.toContain(payload.session_id);
  expect((await service.get(`/v1/sessions/${payload.session_id}`)).body.verdict).toBe('pass');
  expect((await service.get(`/v1/deliveries/${delivered.delivery_id}`)).body.state).toBe('done');
  await until(async () => (await sessionIds()).includes(payload.session_id), { deadlineMs: 40_000 });
  const { body } = await service.get('/v1/ops/status');
  expect(body.replicas[0]).toMatchObject({ state: 'lagging', lag_ms: expect.any(Number) });
  expect(body.replicas[0].lag_ms).toBeGreaterThan(10_000);
  expect(JSON.stringify(body.problems)).toContain('(lagging)');
  const metricsNow = async (): Promise<string> => (await service.get('/metrics', null)).body;
  const metrics = await metricsNow();
  expect(metrics).toMatch(/ilive_replica_lag_seconds\{replica="127.0.0.1:\d+"\} \d{2}/);
  const usable = `ilive_replica_usable{replica="${body.replicas[0].name}"}`;
  expect(metrics).toContain(`${usable} 0\n`);
  await run('select pg_wal_replay_resume()');
  await until(async () => (await stateOf(0)) === 'usable');
  expect(await metricsNow()).toContain(`${usable} 1\n`);
  expect(await sessionIds()).toContain(payload.session_id);
});

test('guarantee 19: a replica that is killed in the middle costs nobody an answer, and is asked again when it is back', async () => {
  let isOver = false;
  const statuses: number[] = [];
  const readers = Array.from({ length: 8 }, async () => {
    while (!isOver) statuses.push((await service.get('/v1/sessions?limit=50')).status);
  });
  await until(() => statuses.length > 100);
  await replicated.killReplica();
  await until(async () => (await stateOf(0)) === 'unreachable');
  await until(async () => (await stateOf(0)) === 'usable', { deadlineMs: 40_000 });
  isOver = true;
  await Promise.all(readers);
  expect(new Set(statuses)).toEqual(new Set([200]));
  const metrics = (await service.get('/metrics', null)).body as string;
  expect(metrics).toMatch(/ilive_replica_reads_moved_total [1-9]/);
});

test('a replica that vanishes without a word holds up no answer for longer than it takes to notice', async () => {
  wire.freeze();
  const startedAt = performance.now();
  const ids = await sessionIds();
  expect(ids.length).toBeGreaterThan(0);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  expect(await stateOf(0)).toBe('unreachable');
  wire.thaw();
  await until(async () => (await stateOf(0)) === 'usable');
});

test('nothing can be written over the sessions that may go to a replica', async () => {
  const db = connectTo(replicated.primaryUrl, { isReadOnly: true });
  await expect(db.query({ text: 'delete from sessions' })).rejects.toThrow(/read-only/);
  await db.close();
});

test('a replica that was promoted goes its own way and is not asked any more', async () => {
  await until(async () => run('select pg_promote()').then(() => true));
  await until(async () => (await stateOf(0)) === 'not_a_replica');
  const payload = verdictPayload();
  await service.deliver(payload);
  await service.settled();
  expect(await sessionIds()).toContain(payload.session_id);
});
