// More than can be taken: some are told so at once, before anybody has waited, and the others are not harmed.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { neverSheds, startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

let service: TestService | undefined;
afterEach(() => service?.stop());

const soon = 2_000; // who is made to wait here waits for twice as long
const requestBegins = 'http.server.request.start'; // the service lives in this process

async function expectTurnedAway(running: TestService, reason: string): Promise<void> {
  const startedAt = performance.now();
  const { status, body, headers } = await running.deliver(verdictPayload());
  expect([status, body.code, headers.get('retry-after')]).toEqual([503, 'overloaded', '1']);
  expect(performance.now() - startedAt).toBeLessThan(soon);
  const metrics = (await running.get('/metrics', null)).body;
  expect(metrics).toMatch(new RegExp(`^ilive_deliveries_shed_total{reason="${reason}"} [1-9]`, 'm'));
}

test('guarantee 10, guarantee 4: no more bytes are held than may be: 503 at once, and those that are held are taken', async () => {
  const limit = 1_048_576;
  const running = await startTestService({ env: { GROUP_QUEUE_MAX_BYTES: String(limit) } });
  service = running;
  const large = () => verdictPayload({ padding: 'x'.repeat(limit / 4) });
  let sent: ReturnType<TestService['deliver']>[] = [];
  await running.db.transaction(async (tx) => {
    await tx.query({ text: 'lock table deliveries in access exclusive mode' });
    sent = Array.from({ length: 4 }, () => running.deliver(large()));
    const { status, body } = await Promise.race(sent);
    expect([status, body.code]).toEqual([503, 'overloaded']);
    const metrics = (await running.get('/metrics', null)).body;
    expect(metrics).toMatch(/^ilive_deliveries_shed_total\{reason="bytes"\} 1$/m);
  });
  expect((await Promise.all(sent)).map(({ status }) => status).sort()).toEqual([202, 202, 202, 503]);
  expect((await running.deliver(large())).status).toBe(202);
});

test('guarantee 10: large bodies that never end make room for those that do', async () => {
  const limit = 1_048_576;
  const running = await startTestService({ env: { GROUP_QUEUE_MAX_BYTES: String(limit), ...neverSheds } });
  service = running;
  let heldBytes = 0;
  const count = (message: unknown) => {
    const { request } = message as { request: IncomingMessage };
    request.on('data', (chunk: Buffer) => {
      heldBytes += chunk.length;
    });
  };
  subscribe(requestBegins, count);
  onTestFinished(() => void unsubscribe(requestBegins, count));
  const [senders, each] = [4, limit / 4];
  const sockets = Array.from({ length: senders }, () => {
    const socket = connect(Number(new URL(running.url).port), '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`POST /webhooks/ilive HTTP/1.1\r\nhost: x\r\ncontent-length: ${each + 1}\r\n\r\n`);
    socket.write(Buffer.alloc(each));
    return socket;
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  await until(() => heldBytes === limit, { describe: 'all room is taken by what has not ended' });
  expect((await running.deliver(verdictPayload())).status).toBe(202);
});

test('guarantee 10, guarantee 4: when commits are slow, who would have to wait too long is told so at once, and who waits is taken', async () => {
  const running = await startTestService({
    env: { GROUP_MAX_DELIVERIES: '1', COMMIT_TIMEOUT_SECONDS: '3', ADMISSION_MAX_WAIT_MS: '4000' },
  });
  service = running;
  await running.db.query({
    text: `create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.6); return new; end $$`,
  });
  await running.db.query({
    text: 'create trigger slow before insert on deliveries for each row execute function slow()',
  });
  // The first is held until all have come in: whoever came after its commit would be told, too.
  let waiting: ReturnType<TestService['deliver']>[] = [];
  let begunCount = 0;
  const count = () => {
    begunCount += 1;
  };
  subscribe(requestBegins, count);
  await running.db.transaction(async (tx) => {
    await tx.query({ text: 'lock table deliveries in access exclusive mode' });
    waiting = Array.from({ length: 12 }, () => running.deliver(verdictPayload()));
    await until(() => begunCount === waiting.length);
  });
  unsubscribe(requestBegins, count);
  await Promise.race(waiting);
  await expectTurnedAway(running, 'wait');
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(waiting.map(() => 202));
  expect((await running.deliver(verdictPayload())).status).toBe(202);
});

test('guarantee 10, guarantee 4: while the event loop is too late, deliveries are told so at once, and taken again afterwards', async () => {
  const running = await startTestService({ env: { ADMISSION_MAX_LOOP_DELAY_MS: '10' } });
  service = running;
  await until(async () => (await running.deliver(verdictPayload())).status === 202);
  // The service lives in this process, so what holds it up is held up here.
  let isBusy = true;
  const hold = () => {
    const end = performance.now() + 60;
    while (performance.now() < end);
    if (isBusy) setTimeout(hold, 1);
  };
  hold();
  await until(async () => (await running.deliver(verdictPayload())).status === 503);
  isBusy = false;
  await until(async () => (await running.deliver(verdictPayload())).status === 202);
  expect((await running.get('/metrics', null)).body).toMatch(
    /^ilive_deliveries_shed_total\{reason="event_loop"\} [1-9]/m,
  );
});
