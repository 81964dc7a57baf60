// Guarantee 1: a 2xx means that the bytes are committed.

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

let service: TestService;

beforeAll(async () => {
  // Without the outage store, so that there is nothing but the commit that an answer could rest on.
  service = await startTestService({ env: { COMMIT_TIMEOUT_SECONDS: '2', OUTAGE_STORE_MAX_BYTES: '0' } });
});

afterAll(() => service.stop());

async function waitingInserts(): Promise<number> {
  const [row] = await service.db.query<{ count: string }>({
    text: `select count(*) from pg_stat_activity
           where application_name = 'ilive-webhooks receive' and wait_event_type = 'Lock' and datname = current_database()`,
  });
  return Number(row?.count);
}

test('guarantee 1: while the commit is held up nobody is answered; once it is through, the answer comes and the bytes are there', async () => {
  const payload = verdictPayload();
  let isAnswered = false;
  let answer: ReturnType<TestService['deliver']> | undefined;
  await service.db.transaction(async (tx) => {
    await tx.query({ text: 'lock table deliveries in access exclusive mode' });
    answer = service.deliver(payload).finally(() => {
      isAnswered = true;
    });
    await until(async () => (await waitingInserts()) > 0, { describe: 'the insert waits for the lock' });
    expect(isAnswered).toBe(false);
  });
  const { status, body } = (await answer) ?? {};
  expect(status).toBe(202);
  const shown = await service.get(`/v1/ops/deliveries/${body.delivery_id}/body?why=test`);
  expect(Buffer.from(shown.body.body_base64, 'base64').toString()).toBe(JSON.stringify(payload));
  expect(shown.body.body_sha256).toBe(createHash('sha256').update(JSON.stringify(payload)).digest('hex'));
});

test('guarantee 4: a commit that takes too long is a 503 with Retry-After, never a 4xx, and the next try is accepted', async () => {
  const payload = verdictPayload();
  await service.db.transaction(async (tx) => {
    await tx.query({ text: 'lock table deliveries in access exclusive mode' });
    const { status, headers, body } = await service.deliver(payload, { webhookId: 'w-late' });
    expect([status, body.code]).toEqual([503, 'unavailable']);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    // Ours gave up at the moment at which Postgres gives up as well, or a little earlier: the lock is held until it has.
    await until(async () => (await waitingInserts()) === 0, { describe: 'the insert waits no more' });
  });
  expect(await service.deliver(payload, { webhookId: 'w-late' })).toMatchObject({
    status: 202,
    body: { repeat: false },
  });
});

test('guarantee 4: an error that nobody has foreseen is a 503 with Retry-After too', async () => {
  const payload = verdictPayload();
  const sent = () => service.deliver(payload, { webhookId: 'w-unforeseen' });
  await service.db.query({
    text: `create function refuse() returns trigger language plpgsql as $$ begin raise 'no class of ours'; end $$;
           create trigger refuse before insert on deliveries for each row execute function refuse()`,
  });
  const { status, headers, body } = await sent();
  await service.db.query({ text: 'drop function refuse cascade' });
  expect([status, body.code]).toEqual([503, 'unavailable']);
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await sent()).toMatchObject({ status: 202, body: { repeat: false } });
});

test('the body is shown only to who asks for it', async () => {
  const { body } = await service.deliver(verdictPayload());
  const shown = await service.get(`/v1/deliveries/${body.delivery_id}`);
  expect(shown.body).not.toHaveProperty('body_base64');
  expect(shown.body).not.toHaveProperty('headers');
});
