// What the SDK does without a service: how long it waits by a clock that the test turns, and what may be left out of a call.
import { afterEach, expect, test, vi } from 'vitest';
import { RequestError } from '../../src/sdk/errors.ts';
import { type Asked, createSdk, type OperationName } from '../../src/sdk/sdk.ts';

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
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] });
    const began = Date.now();
    const service = refusingOnce(status, retryAfter);
    const waiting = service.sdk.waitForVerdict('s-1', { timeoutMs: 10_000 });
    await vi.runAllTimersAsync();
    expect(await waiting).toEqual({ status: 'pending' });
    expect(Date.now() - began).toBe(10_000);
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
