// The manners of the API one by one, where no database is needed to see them: whom a rate forgets, what a compressed answer
// is called, and how long a request may take.
import type { AddressInfo } from 'node:net';
import express, { type Express, type Request, type RequestHandler, type Response } from 'express';
import { afterEach, expect, test, vi } from 'vitest';
import { createCompression } from '../../src/http/compress.ts';
import { createUnknownKeyLimit } from '../../src/http/rate-limit.ts';
import { createTimeLimit } from '../../src/http/time-limit.ts';
import { silent } from '../support/service.ts';

const unknownKeysPerMinute = 5;

afterEach(() => vi.useRealTimers());

/** What a request from `address` is refused with; undefined where it passes. */
function refusalOf(limit: RequestHandler, address: string): Promise<unknown> {
  const req = { socket: { remoteAddress: address }, headers: {} } as unknown as Request;
  return new Promise((resolve) => {
    void limit(req, {} as Response, (error?: unknown) => resolve(error));
  });
}

/** Whether a request from `address` passes. */
async function passes(limit: RequestHandler, address: string): Promise<boolean> {
  return (await refusalOf(limit, address)) === undefined;
}

async function guess(limit: RequestHandler, address: string, times: number): Promise<boolean[]> {
  const passed = [];
  for (let index = 0; index < times; index += 1) passed.push(await passes(limit, address));
  return passed;
}

test('guarantee 18: an address that guesses is let in again after a minute, and its neighbours the whole time', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  const limit = createUnknownKeyLimit(unknownKeysPerMinute, () => {});
  const passed = await guess(limit, '192.0.2.1', unknownKeysPerMinute + 5);
  expect(passed.filter(Boolean)).toHaveLength(unknownKeysPerMinute);
  expect(await passes(limit, '192.0.2.2')).toBe(true);
  vi.advanceTimersByTime(59_000);
  expect(await passes(limit, '192.0.2.1')).toBe(false);
  vi.advanceTimersByTime(1_001);
  expect(await passes(limit, '192.0.2.1')).toBe(true);
});

test.each([
  ['back', -3_600_000],
  ['forward', 3_600_000],
])('guarantee 18: a clock that is set %s makes nobody’s minute longer or shorter', async (_way, jumpMs) => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  const limit = createUnknownKeyLimit(unknownKeysPerMinute, () => {});
  await guess(limit, '192.0.2.1', unknownKeysPerMinute);
  vi.advanceTimersByTime(20_000);
  vi.setSystemTime(Date.now() + jumpMs);
  expect(await refusalOf(limit, '192.0.2.1')).toMatchObject({ code: 'rate_limited', retryAfterMs: 40_000 });
  vi.advanceTimersByTime(40_001);
  expect(await passes(limit, '192.0.2.1')).toBe(true);
});

test('the addresses of one IPv6 network are one address', async () => {
  const limit = createUnknownKeyLimit(unknownKeysPerMinute, () => {});
  for (let index = 0; index < unknownKeysPerMinute; index += 1) {
    await passes(limit, `2001:db8:0:${index.toString(16)}::1`);
  }
  expect(await passes(limit, '2001:db8:0:ff::9')).toBe(false);
  expect(await passes(limit, '2001:db9::1')).toBe(true);
});

test('what is counted at once is bounded: the one counted longest is forgotten first', async () => {
  const limit = createUnknownKeyLimit(unknownKeysPerMinute, () => {});
  await guess(limit, '192.0.2.1', unknownKeysPerMinute);
  await guess(limit, '192.0.2.2', unknownKeysPerMinute);
  for (let index = 0; index < 19_999; index += 1) {
    await passes(limit, `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`);
  }
  expect(await passes(limit, '192.0.2.2')).toBe(false);
  expect(await passes(limit, '192.0.2.1')).toBe(true);
});

async function serve(app: Express): Promise<AsyncDisposable & { readonly url: string }> {
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

test('a stream of events leaves as it comes, and no time limit ends it', async () => {
  const app = express();
  app.use(createCompression(), createTimeLimit({ timeoutMs: 50, waitMaxMs: 0 }, silent));
  let finish = () => {};
  app.get('/', (_req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write(`data: ${'x'.repeat(5_000)}\n\n`);
    finish = () => res.end('data: last\n\n');
  });
  await using served = await serve(app);
  const answer = await fetch(served.url, { headers: { 'accept-encoding': 'gzip, br' } });
  expect(answer.headers.get('content-encoding')).toBeNull();
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  expect((await reader?.read())?.value).toContain('data: x');
  setTimeout(() => finish(), 100); // twice the limit
  let text = '';
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true };
    if (done) break;
    text += value;
  }
  expect(text).toContain('data: last');
});

test.each([
  ['GET', '/v1/sessions', 503],
  ['POST', '/v1/sessions', 503],
  ['GET', '/v1/ops/status', 503],
  ['GET', '/v1/sessions/a/verdict?wait=1s', 200],
  ['POST', '/v1/ops/refusals/admit', 200],
  ['GET', '/v1/ops/audit/verification', 200],
])('%s %s that takes longer than the limit is answered %i', async (method, path, status) => {
  const app = express();
  app.use('/v1', createTimeLimit({ timeoutMs: 30, waitMaxMs: 5_000 }, silent));
  app.use((_req, res) => {
    setTimeout(() => !res.headersSent && res.json({}), 120);
  });
  await using served = await serve(app);
  expect((await fetch(`${served.url}${path}`, { method })).status).toBe(status);
});
