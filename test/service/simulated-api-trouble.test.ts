// The pretend vendor's REST API when it says no: its limits by its own clock, outages of every kind, slowness, answers that
// were told beforehand, and the log by which a test shows who asked what.
import { describe, expect, test } from 'vitest';
import { countBusiest } from '../../bench/statistics.ts';
import type { VendorApi } from '../../src/simulator/api.ts';
import { documentedErrors, type VendorErrorCode } from '../../src/simulator/api-errors.ts';
import { findOverlaps } from '../../src/simulator/api-log.ts';
import { findFreePort } from '../support/free-port.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { until } from '../support/until.ts';
import {
  ask,
  create,
  createBody,
  createPath,
  fixed,
  key,
  planOf,
  result,
  resultPath,
  send,
  start,
  useApis,
} from './simulated-api-caller.ts';

const { open } = useApis();

describe('limits', () => {
  const calls = (api: VendorApi, count: number) =>
    Promise.all(
      Array.from({ length: count }, async () => {
        const response = await ask(api, '/v1/liveness/sessions/nobody');
        await response.arrayBuffer();
        return response;
      }),
    );

  test('a second and a minute, both rolling, told on every answer', async () => {
    const clock = createManualClock(start);
    const api = await open({ clock, limits: { perMinute: 5, perSecond: 3, hasRetryAfter: true } });
    const first = await calls(api, 4);
    expect(first.map(({ status }) => status).sort()).toEqual([404, 404, 404, 429]);
    const refused = first.find(({ status }) => status === 429);
    expect(refused?.headers.get('retry-after')).toBe('1');
    expect(refused?.headers.get('x-ratelimit-remaining')).toBe('0');
    clock.advance(1_000);
    const second = await calls(api, 3);
    expect(second.map(({ status }) => status).sort()).toEqual([404, 404, 429]);
    expect(second.find(({ status }) => status === 429)?.headers.get('retry-after')).toBe('59');
    clock.advance(58_999);
    expect((await calls(api, 1))[0]?.status).toBe(429);
    clock.advance(1);
    const [third] = await calls(api, 1);
    expect(third?.status).toBe(404);
    expect(third?.headers.get('x-ratelimit-limit')).toBe('5');
    expect(third?.headers.get('x-ratelimit-remaining')).toBe('2');
    expect(third?.headers.get('x-ratelimit-reset')).toBe('1');
    const allowed = api.log.filter(({ status }) => status !== 429);
    expect([countBusiest(allowed, 60_000), countBusiest(allowed, 1_000)]).toEqual([5, 3]);
  });

  test('count for each key alone, and 0 is none', async () => {
    const keys = [
      { name: 'test', key },
      { name: 'other', key: 'iksk_live_other', limits: { perMinute: 0, perSecond: 0 } },
    ];
    const api = await open({ keys, limits: { perMinute: 1 }, clock: createManualClock(start) });
    const statuses = (await calls(api, 3)).map(({ status }) => status);
    expect(statuses.sort()).toEqual([404, 429, 429]);
    const headers = { authorization: 'Bearer iksk_live_other' };
    for (let index = 0; index < 3; index += 1) {
      expect((await ask(api, '/v1/liveness/sessions/nobody', { headers })).status).toBe(404);
    }
  });

  test('the reset is Unix seconds where that is asked for', async () => {
    const api = await open({ clock: createManualClock(start), limits: { resetForm: 'unix' } });
    const [answer] = await calls(api, 1);
    expect(answer?.headers.get('x-ratelimit-reset')).toBe(String(start / 1000 + 60));
  });
});

describe('out of order', () => {
  const read = (api: VendorApi) => ask(api, '/v1/liveness/sessions/nobody');

  test('it answers 5xx, cuts connections or refuses them, and comes back', async () => {
    const api = await open({ port: await findFreePort() });
    for (const status of [500, 502, 503] as const) {
      await api.setOutage(status);
      expect((await read(api)).status).toBe(status);
    }
    for (const kind of ['reset', 'refused'] as const) {
      await api.setOutage(kind);
      await expect(read(api)).rejects.toThrow();
    }
    await api.setOutage(null);
    expect((await read(api)).status).toBe(404);
  });

  test('an outage begins and ends by its clock', async () => {
    const clock = createManualClock(start);
    const api = await open({ clock, outages: [{ afterMs: 1_000, forMs: 600_000, kind: 503 }] });
    expect((await read(api)).status).toBe(404);
    clock.advance(1_000);
    expect((await read(api)).status).toBe(503);
    clock.advance(599_999);
    expect((await read(api)).status).toBe(503);
    clock.advance(1);
    expect((await read(api)).status).toBe(404);
  });

  test('slow answers take their time, and no answer never comes', async () => {
    const clock = createManualClock(start);
    const api = await open({ clock, latency: { share: 1, ms: 5_000 } });
    const answer = read(api);
    const isLate = await Promise.race([
      answer,
      new Promise((resolve) => setTimeout(() => resolve('late'), 100)),
    ]);
    expect(isLate).toBe('late');
    // On a slow machine the request comes late, and waits from then on.
    await until(() => {
      clock.advance(1_000);
      return api.log.length === 1;
    });
    expect((await answer).status).toBe(404);
    const [call] = api.log;
    expect((call?.endedAtMs ?? 0) - (call?.startedAtMs ?? 0)).toBe(5_000);
    const other = await open();
    await other.setOutage('silent');
    await expect(ask(other, '/x', { signal: AbortSignal.timeout(200) })).rejects.toThrow(/timeout/);
  });

  test.each(Object.entries(documentedErrors))(
    '%s is answered when it is told beforehand',
    async (code, [status]) => {
      const api = await open();
      api.answerNext(code as VendorErrorCode, { operation: 'result' });
      expect((await send(api, createPath.reference, createBody.reference)).status).toBe(201);
      const refused = await read(api);
      expect(refused.status).toBe(status);
      expect(await refused.json()).toMatchObject({ detail: { code } });
      expect((await read(api)).status).toBe(404);
    },
  );

  test('any answer can be told beforehand', async () => {
    const api = await open();
    api.answerNext(
      { status: 200, body: '<html>', contentType: 'text/html', headers: { 'x-odd': '1' } },
      { times: 2 },
    );
    for (let index = 0; index < 2; index += 1) {
      const odd = await read(api);
      expect([odd.status, odd.headers.get('x-odd'), await odd.text()]).toEqual([200, '1', '<html>']);
    }
    expect((await read(api)).status).toBe(404);
  });
});

test('a fast clock ends sessions and sends their webhooks within a moment', async () => {
  const api = await open({
    speed: 600,
    planSession: planOf({ webhook: { ...fixed.webhook, isDropped: true } }),
  });
  const created = await create(api, 'reference');
  await until(async () => (await result(api, 'reference', created)).status === 'completed');
});

test('a session can be ended by hand', async () => {
  const api = await open({ planSession: planOf({ endsAfterMs: null }) });
  const created = await create(api, 'reference');
  expect(await result(api, 'reference', created)).toMatchObject({ status: 'pending' });
  api.endSession('session-1');
  expect(await result(api, 'reference', created)).toMatchObject({ status: 'completed' });
});

test('the log shows who asked what and when, and whether twice at once; and no key and no token', async () => {
  const clock = createManualClock(start);
  const api = await open({ clock, latency: { share: 1, ms: 10 }, planSession: planOf() });
  const createdAnswer = create(api, 'managed');
  await until(() => {
    clock.advance(10);
    return api.log.length === 1;
  });
  const created = await createdAnswer;
  const path = resultPath('managed', created);
  const one = ask(api, path, { headers: { 'user-agent': 'worker-1' } });
  const two = ask(api, path, { headers: { 'user-agent': 'worker-2' } });
  await until(() => {
    clock.advance(10);
    return api.log.length === 3;
  });
  await Promise.all([one, two]);
  const last = ask(api, path);
  await until(() => {
    clock.advance(10);
    return api.log.length === 4;
  });
  await last;
  expect(findOverlaps(api.log, 'result').length).toBe(1);
  expect(
    api.log
      .map(({ operation, userAgent }) => [operation, userAgent])
      .slice(1, 3)
      .sort(),
  ).toEqual([
    ['result', 'worker-1'],
    ['result', 'worker-2'],
  ]);
  expect(api.log[1]).toMatchObject({ sessionId: 'session-1', caller: 'token of test', status: 200 });
  const text = JSON.stringify(api.log);
  expect(text).not.toContain(key);
  expect(text).not.toContain(String(created.token));
});
