// With Postgres away, before the outage store exists: 503 with Retry-After and nothing half done; back again without help.
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let wire: TcpProxy;
let service: TestService;

beforeEach(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  const url = new URL(database.url);
  wire = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
  url.port = String(wire.port);
  service = await startTestService({ databaseUrl: url.href });
});

afterEach(async () => {
  await service.stop();
  await wire.close();
  await database.drop();
});

test('4 — cut off from Postgres: 503 with Retry-After, unready, then everything again by itself', async () => {
  const before = verdictPayload();
  expect((await service.deliver(before)).status).toBe(202);
  await wire.cut();
  const during = verdictPayload();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => service.deliver(during, { webhookId: 'w' })),
  );
  for (const answer of answers) {
    expect([answer.status, answer.body.code]).toEqual([503, 'unavailable']);
    expect(answer.headers.get('retry-after')).toBe('2');
  }
  expect(await service.get('/readyz', null)).toMatchObject({ status: 503, body: { database: 'down' } });
  expect(await service.get('/v1/sessions')).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  expect((await service.get('/healthz', null)).status).toBe(200);

  await wire.mend();
  await until(async () => (await service.deliver(during, { webhookId: 'w' })).status === 202, {
    describe: 'it accepts again',
  });
  await service.settled(30_000);
  for (const { session_id } of [before, during]) {
    expect((await service.get(`/v1/sessions/${session_id}`)).body).toMatchObject({ state: 'settled' });
  }
});
