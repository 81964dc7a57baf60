// One answer that is long in coming: whoever becomes due meanwhile is asked about, and what nobody can ask about is ended.
import { randomBytes, randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { type FakeVendor, startFakeVendor } from '../support/fake-ilive-http.ts';
import { apiKey, startTestService, type TestService } from '../support/service.ts';
import { useUndo } from '../support/undo.ts';
import { until } from '../support/until.ts';

const soon = { deadlineMs: 5_000 };
const undo = useUndo();

/** A vendor that never answers about the session `slow` and settles every other, and a service that asks it. */
async function startBoth(dialect: 'reference' | 'managed') {
  const held: ServerResponse[] = [];
  const vendor = await startFakeVendor((response) => {
    if (vendor.asked.at(-1)?.url.includes('slow')) {
      held.push(response);
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ status: 'completed', verdict: 'pass', confidence: 0.9 }));
  });
  undo.push(() => vendor[Symbol.asyncDispose]());
  let aheadMs = 0;
  const service = await startTestService({
    env: {
      ILIVE_API_URL: vendor.url,
      ILIVE_API_KEY: 'iksk_test',
      ILIVE_DIALECT: dialect,
      ILIVE_RESPONSE_TIMEOUT_SECONDS: '60',
      ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
      PULL_FIRST_AFTER_SECONDS: '1',
      PULL_INTERVAL_MS: '50',
      PULL_LEASE_SECONDS: '86400',
    },
    overrides: { now: () => new Date(Date.now() + aheadMs) },
  });
  undo.push(service.stop);
  const passTime = (ms: number) => {
    aheadMs += ms;
  };
  return { vendor, held, service, passTime };
}

async function register({ url }: TestService, sessionId: string): Promise<void> {
  const response = await fetch(`${url}/v1/sessions/${sessionId}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    // Behind all that passes here: a lease that was taken before the end ends with it.
    body: JSON.stringify({ token: 'a-token', expires_at: new Date(Date.now() + 7_200_000).toISOString() }),
  });
  expect(response.status).toBe(201);
}

const timesAsked = (vendor: FakeVendor, sessionId: string) =>
  vendor.asked.filter(({ url }) => url.includes(sessionId)).length;

test('a session that becomes due while another’s answer is awaited is asked about at once', async () => {
  const { vendor, held, service } = await startBoth('reference');
  await register(service, 'slow');
  await until(() => held.length === 1, soon);
  await register(service, 'quick');
  await until(async () => (await service.get('/v1/sessions/quick')).body.state === 'settled', soon);
  expect(timesAsked(vendor, 'slow')).toBe(1);
  expect(held[0]?.writableEnded).toBe(false);
});

test('guarantee 8: a session that nobody can ask about is ended while another’s answer is awaited', async () => {
  const { held, service, passTime } = await startBoth('managed');
  await register(service, 'slow');
  await until(() => held.length === 1, soon);
  const match = { match_id: randomUUID(), session_id: 'heard-of', reference_id: 'u', similarity: 0.9 };
  const timestamp = '2026-04-11T09:31:00.000000+00:00';
  await service.deliver({ event: 'face.matched', ...match, matched: true, timestamp });
  await service.settled();
  passTime(32 * 60_000);
  await until(async () => (await service.get('/v1/sessions/heard-of')).body.ended_at, soon);
  expect((await service.get('/v1/sessions/heard-of')).body).toMatchObject({
    state: 'unrecoverable',
    ended_reason: 'no_token',
  });
  expect(held).toHaveLength(1);
  expect(held[0]?.writableEnded).toBe(false);
});
