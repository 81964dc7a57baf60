// What the SDK does without a service: how long it waits by a clock that the test turns, and what may be left out of a call.
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, expect, expectTypeOf, test, vi } from 'vitest';
import { KeyError, RequestError, UnavailableError } from '../../src/sdk/errors.ts';
import { type Asked, type Change, createSdk, type OperationName } from '../../src/sdk/sdk.ts';

afterEach(() => {
  vi.useRealTimers();
});

interface Answered {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body: object;
}

/** An SDK whose requests `answer` is asked for. */
function sdkOf(answer: (url: URL, method: string) => Answered | Promise<Answered>) {
  return createSdk({
    url: 'http://service.test',
    apiKey: 'a-key',
    fetch: async (url, init) => {
      const { status = 200, headers = {}, body } = await answer(new URL(String(url)), init?.method ?? 'GET');
      return Response.json(body, { status, headers });
    },
  });
}

/** A service that refuses once, and from then on keeps whoever waits as long as they ask for. */
function refusingOnce(status: number, retryAfter: string) {
  const waits: string[] = [];
  const sdk = sdkOf(async (url) => {
    const wait = url.searchParams.get('wait') ?? '';
    waits.push(wait);
    if (waits.length === 1) return { status, headers: { 'retry-after': retryAfter }, body: {} };
    await new Promise((resolve) => setTimeout(resolve, Number.parseInt(wait, 10)));
    return { body: { status: 'pending' } };
  });
  return { sdk, waits };
}

test.each([
  { status: 503, retryAfter: '9', waits: ['10000ms', '1000ms'] },
  { status: 429, retryAfter: '9', waits: ['10000ms', '1000ms'] },
  { status: 503, retryAfter: '3600', waits: ['10000ms', '0ms'] },
])(
  'a verdict is waited for as long as was said, though a $status asks to come back after $retryAfter s',
  async ({ status, retryAfter, waits }) => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
    const began = performance.now();
    const service = refusingOnce(status, retryAfter);
    const waiting = service.sdk.waitForVerdict('s-1', { timeoutMs: 10_000 });
    await vi.runAllTimersAsync();
    expect(await waiting).toEqual({ status: 'pending' });
    expect(performance.now() - began).toBe(10_000);
    expect(service.waits).toEqual(waits);
  },
);

test('what an operation does not need is left out, and what it needs is not', async () => {
  const asked: string[] = [];
  const sdk = sdkOf((url, method) => {
    asked.push(`${method} ${url.pathname}${url.search}`);
    return { body: { data: [{}], next_cursor: asked.length === 1 ? 'next' : null } };
  });
  for await (const _ of sdk.rows('listComplianceAlerts')) {
    // what is asked is all that counts
  }
  await sdk.call('getStatus');
  expect(asked).toEqual([
    'GET /v1/compliance-alerts',
    'GET /v1/compliance-alerts?cursor=next',
    'GET /v1/ops/status',
  ]);
  // @ts-expect-error: it has a part of the path, which only a caller without types can leave out
  await expect(sdk.call('getSession')).rejects.toThrow(RequestError);
  // @ts-expect-error: it has a body
  await sdk.call('createSession');
  const passOn = <Name extends OperationName>(name: Name, its: Asked<Name>) => sdk.call(name, its);
  await passOn('getStatus', {});
});

test.each(['showHealth', 'showMetrics', 'getStream', 'toString', ''])(
  'a name that is none of the table’s is told as such: "%s"',
  async (name) => {
    const calling = sdkOf(() => ({ body: {} })).call(name as 'getStatus', {});
    await expect(calling).rejects.toThrow(RequestError);
    await expect(calling).rejects.toThrow(`"${name}"`);
  },
);

test('what cannot be sent is the caller’s to mend, and is not tried again', async () => {
  let asked = 0;
  const retried: string[] = [];
  const sdk = createSdk({
    url: 'http://service.test',
    apiKey: 'a-key',
    fetch: async () => {
      asked += 1;
      return Response.json({});
    },
    onRetry: ({ message }) => retried.push(message),
  });
  const body = { reference_id: 'a' };
  const loop: { reference_id: string; self?: object } = { reference_id: 'a' };
  loop.self = loop;
  const calls = [
    sdk.call('createSession', { body }, { idempotencyKey: '订单-77' }),
    sdk.call('createSession', { body }, { idempotencyKey: 'a\nb' }),
    sdk.call('createSession', { body: loop }, { idempotencyKey: 'a' }),
    sdk.call('getStatus', {}, { timeoutMs: Number.NaN }),
    sdk.waitForVerdict('s', { timeoutMs: Number.NaN }),
    sdk.call('listChanges', { query: { types: [] } }), // of a list that somebody has computed
    sdk.changes({ types: [] }).next(),
  ];
  for (const calling of calls) await expect(calling).rejects.toThrow(RequestError);
  expect([asked, retried]).toEqual([0, []]);
});

test.each(['', 'localhost:8080', 'verdicts.internal', undefined as unknown as string])(
  'an address that is none is told at once: %j',
  (url) => {
    expect(() => createSdk({ url, apiKey: 'a-key' })).toThrow(RequestError);
  },
);

test.each([undefined, null, '', () => undefined, async () => ''])(
  'a key that is missing is told as such, and nothing is sent: %j',
  async (apiKey) => {
    let asked = 0;
    const sdk = createSdk({
      url: 'http://service.test',
      apiKey: apiKey as unknown as string, // as JavaScript hands over a variable that is not set
      fetch: async () => {
        asked += 1;
        return new Response('{}');
      },
    });
    const calls = [() => sdk.call('getStatus'), () => sdk.waitForVerdict('s-1'), () => sdk.changes().next()];
    for (const call of calls) {
      const calling = call();
      await expect(calling).rejects.toThrow(KeyError);
      await expect(calling).rejects.toThrow('There is no API key: "apiKey" gave none.');
    }
    expect(asked).toBe(0);
  },
);

test('a change of a session names it, so that nobody has to ask whether', () => {
  const see = (change: Change) => {
    if (change.type === 'session_settled') expectTypeOf(change.session_id).toEqualTypeOf<string>();
    else expectTypeOf(change.session_id).toEqualTypeOf<string | null>();
  };
  expect(see).toBeTypeOf('function');
});

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

test('why the service did not answer is told', async () => {
  const url = `http://127.0.0.1:${await closedPort()}`;
  const refusing = createSdk({ url, apiKey: 'a-key', maxRetries: 0 });
  await expect(refusing.call('getStatus')).rejects.toThrow(/did not answer: ECONNREFUSED\.$/);
  const silent = createSdk({
    url: 'http://service.test',
    apiKey: 'a-key',
    maxRetries: 0,
    fetch: (_, init) =>
      new Promise((_resolve, reject) => {
        init?.signal?.addEventListener('abort', () => reject(init.signal?.reason));
      }),
  });
  const calling = silent.call('getStatus', {}, { timeoutMs: 20 });
  await expect(calling).rejects.toThrow(UnavailableError);
  await expect(calling).rejects.toThrow(/did not answer within 20 ms\.$/);
});

test('a call whose first try never ends is given up once the service would have taken its key for free', async () => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
  const sdk = sdkOf(() => ({
    status: 409,
    headers: { 'retry-after': '60' },
    body: { code: 'in_progress', detail: 'still under way' },
  }));
  const beganAt = performance.now();
  const body = { reference_id: 'anna' };
  const creating = sdk.call('createSession', { body }, { idempotencyKey: 'k-1' });
  const given = expect(creating).rejects.toMatchObject({ code: 'in_progress' });
  await vi.runAllTimersAsync();
  await given;
  const minutes = (performance.now() - beganAt) / 60_000;
  expect(minutes).toBeGreaterThanOrEqual(10);
  expect(minutes).toBeLessThan(20);
});

test('a Retry-After that is longer than a timer can wait is not taken for none', async () => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
  const monthMs = 30 * 24 * 60 * 60 * 1_000;
  let asked = 0;
  const sdk = sdkOf(() => {
    asked += 1;
    return asked === 1
      ? { status: 503, headers: { 'retry-after': String(monthMs / 1_000) }, body: {} }
      : { body: {} };
  });
  const calling = sdk.call('getStatus', {}, { maxRetries: Number.POSITIVE_INFINITY });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toBe(1);
  await vi.runAllTimersAsync();
  await calling;
  expect(asked).toBe(2);
});
