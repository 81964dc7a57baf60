// Waiting for a verdict: answered the moment it is settled, in whichever process, or told that it is pending when the time is
// over.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { figureOf } from '../support/figures.ts';
import { apiKey, startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

let service: TestService;
/** Another process's: it only answers. */
let other: TestService;

beforeAll(async () => {
  const env = { ILIVE_WEBHOOK_SECRETS_BY_ACCOUNT: '{"one":["whsec_of_one"],"two":["whsec_of_two"]}' };
  service = await startTestService({ env });
  other = await startTestService({ databaseUrl: service.databaseUrl, env: { ROLE: 'receiver' } });
});
afterAll(async () => {
  await other?.stop();
  await service?.stop();
});

const verdictOf = (id: string, query = '') => `/v1/sessions/${id}/verdict${query}`;

const waitingCallers = (of: TestService) => figureOf(of, 'ilive_waiting_callers{kind="verdict"}');

/** Callers for a minute, who leave when they are told to. */
function beginWaiting(of: TestService, ids: readonly string[]): [AbortController, Promise<unknown>[]] {
  const leaving = new AbortController();
  const init = { headers: { authorization: `Bearer ${apiKey}` }, signal: leaving.signal };
  return [leaving, ids.map((id) => fetch(`${of.url}${verdictOf(id, '?wait=60s')}`, init).catch(() => {}))];
}

test('a verdict that is there is answered at once, with or without waiting', async () => {
  const payload = verdictPayload({ verdict: 'fail', reference_id: 'anna' });
  await service.deliver(payload);
  await service.settled();
  for (const query of ['', '?wait=30s', '?wait=1m&account=default']) {
    const { status, body } = await other.get(verdictOf(payload.session_id, query));
    expect(status).toBe(200);
    expect(body).toMatchObject({
      session_id: payload.session_id,
      account: 'default',
      reference_id: 'anna',
      status: 'final',
      state: 'settled',
      verdict: 'fail',
      confirmation: 'unconfirmed',
      settled_source: 'webhook',
    });
  }
});

test('guarantee 23: whoever waits is answered the moment it settles, in another process, before anybody had heard of the session', async () => {
  const payload = verdictPayload();
  const answers = [service, other, other].map((each) => each.get(verdictOf(payload.session_id, '?wait=30s')));
  await until(async () => (await waitingCallers(other)) === 2);
  await service.deliver(payload);
  const settledAt = performance.now();
  for (const { body } of await Promise.all(answers)) {
    expect(body).toMatchObject({ status: 'final', verdict: 'pass' });
  }
  expect(performance.now() - settledAt).toBeLessThan(5_000);
  expect(await waitingCallers(other)).toBe(0);
});

test('when the time is over it is pending, which is no error', async () => {
  const id = randomUUID();
  expect((await service.get(verdictOf(id, '?wait=200ms'))).body).toMatchObject({
    status: 'pending',
    state: null,
  });
  await service.deliver({ event: 'face.matched', match_id: randomUUID(), similarity: 0.5, session_id: id });
  await service.settled();
  const { status, body } = await other.get(verdictOf(id, '?wait=1'));
  expect(status).toBe(200);
  expect(body).toMatchObject({ status: 'pending', state: 'expected', verdict: null, account: 'default' });
});

test('a second source is waited for where it is asked for; less shows no verdict', async () => {
  const payload = verdictPayload();
  await service.deliver(payload);
  await service.settled();
  const { body } = await other.get(verdictOf(payload.session_id, '?assurance=confirmed&wait=200ms'));
  expect(body).toMatchObject({
    status: 'pending',
    state: 'settled',
    confirmation: 'unconfirmed',
    verdict: null,
  });
});

test('a dispute ends the waiting, whatever was asked for', async () => {
  const payload = verdictPayload();
  await service.deliver(payload);
  await service.settled();
  const answer = other.get(verdictOf(payload.session_id, '?assurance=confirmed&wait=30s'));
  await until(async () => (await waitingCallers(other)) === 1);
  await service.deliver({ ...payload, verdict: 'fail' });
  expect((await answer).body).toMatchObject({ status: 'final', state: 'disputed', verdict: 'fail' });
});

test('guarantee 23: a caller that leaves is forgotten', async () => {
  const ids = Array.from({ length: 20 }, (_, index) => `leaves-${index}`);
  const [leaving, answers] = beginWaiting(other, ids);
  await until(async () => (await waitingCallers(other)) === 20);
  leaving.abort();
  await Promise.all(answers);
  await until(async () => (await waitingCallers(other)) === 0);
});

test('a session that two accounts have asks which is meant', async () => {
  const id = randomUUID();
  const key = { authorization: `Bearer ${apiKey}` };
  for (const account of ['one', 'two']) {
    await fetch(`${service.url}/v1/sessions/${id}`, {
      method: 'PUT',
      headers: key,
      body: JSON.stringify({ account }),
    });
  }
  const { status, body } = await service.get(verdictOf(id, '?wait=30s'));
  expect(status).toBe(409);
  expect(body.detail).toContain('one, two');
  expect((await service.get(verdictOf(id, '?account=two&wait=100ms'))).body.account).toBe('two');
});

test.each([
  ['?wait=soon', /"wait" must be a time such as 30s/],
  ['?assurance=much', /"assurance" must be any or confirmed/],
  ['?wait=1s&wait=2s', /"wait" must be given once/],
])('%s is refused', async (query, message) => {
  const { status, body } = await service.get(verdictOf('x', query));
  expect(status).toBe(400);
  expect(body.detail).toMatch(message);
});

describe('in a service of its own', () => {
  test('what was announced while nobody listened is looked for', async () => {
    const own = await startTestService();
    try {
      const payload = verdictPayload();
      const answer = own.get(verdictOf(payload.session_id, '?wait=30s'));
      await until(async () => (await waitingCallers(own)) === 1);
      // So that nobody is told: it is found by the look that follows when the connection that listens is made anew.
      await own.db.query({
        text: `alter table sessions disable trigger sessions_new`,
      });
      await own.deliver(payload);
      await own.settled();
      await own.db.query({
        text: `select pg_terminate_backend(pid) from pg_stat_activity
               where application_name = 'ilive-webhooks listen' and datname = current_database()`,
      });
      expect((await answer).body).toMatchObject({ status: 'final', verdict: 'pass' });
    } finally {
      await own.stop();
    }
  });

  test('more callers than WAIT_MAX_CALLERS are told to come back, and there is room again for each that leaves', async () => {
    const own = await startTestService({ env: { WAIT_MAX_CALLERS: '2' } });
    try {
      const [leaving, answers] = beginWaiting(own, ['full-1', 'full-2']);
      await until(async () => (await waitingCallers(own)) === 2);
      const refused = await own.get(verdictOf('full-3', '?wait=60s'));
      expect(refused.status).toBe(503);
      expect(refused.headers.get('retry-after')).toBe('5');
      expect(await waitingCallers(own)).toBe(2);
      leaving.abort();
      await Promise.all(answers);
      await until(async () => (await waitingCallers(own)) === 0);
      expect((await own.get(verdictOf('full-3', '?wait=1ms'))).status).toBe(200);
    } finally {
      await own.stop();
    }
  });

  test('a time past WAIT_MAX_SECONDS is cut', async () => {
    const own = await startTestService({ env: { WAIT_MAX_SECONDS: '1' } });
    try {
      const startedAt = performance.now();
      expect((await own.get(verdictOf('long', '?wait=60s'))).body.status).toBe('pending');
      expect(performance.now() - startedAt).toBeLessThan(30_000);
    } finally {
      await own.stop();
    }
  });

  test('stopping answers everybody who waits', async () => {
    const own = await startTestService({ env: { SHUTDOWN_GRACE_SECONDS: '10' } });
    const answers = [1, 2, 3].map((index) => own.get(verdictOf(`stop-${index}`, '?wait=60s')));
    await until(async () => (await waitingCallers(own)) === 3);
    const startedAt = performance.now();
    await own.stop();
    for (const { status, body } of await Promise.all(answers)) {
      expect({ status, said: body.status }).toEqual({ status: 200, said: 'pending' });
    }
    expect(performance.now() - startedAt).toBeLessThan(9_000);
  });
});
