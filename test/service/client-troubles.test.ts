// What the client does when iLive stalls, fails or answers what cannot be read: each over real HTTP.
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { createClient } from '../../src/ilive/client.ts';
import { CancelledError, ResponseError } from '../../src/ilive/errors.ts';
import { type Reply, startClient, startFakeVendor } from '../support/fake-ilive-http.ts';
import { until } from '../support/until.ts';

const fine: Reply = { json: { verdict: 'pass', session_id: 's-1' } };
const broken: Reply = { status: 503, json: { detail: { code: 'overloaded', message: 'Later.' } } };
const stalled: Reply = () => {};
const session = { sessionId: 's-1' };

describe('guarantee 10: is never held up', () => {
  test.each([
    ['an answer that does not come', stalled],
    ['an answer that stops in the middle', ((response) => response.write('{"verdict":')) satisfies Reply],
  ])('by %s', async (_what, reply) => {
    await using it = await startClient([reply], { responseTimeoutMs: 100, maxRetries: 0 });
    await expect(it.client.fetchResult(session)).rejects.toMatchObject({
      name: 'VendorUnavailableError',
      code: 'timeout',
      message: expect.stringContaining('no whole answer within 100 ms'),
    });
  });

  test('by a connection that never stands', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await using _closing = { [Symbol.asyncDispose]: async () => void silent.close() };
    await until(() => silent.address());
    const { port } = silent.address() as { port: number };
    const client = createClient({
      apiKey: 'k',
      baseUrl: `https://127.0.0.1:${port}`,
      connectTimeoutMs: 100,
      maxRetries: 0,
    });
    await expect(client.fetchResult(session)).rejects.toMatchObject({
      code: 'timeout',
      message: expect.stringContaining('no connection within 100 ms'),
    });
  });

  test('by the connection’s limit once it stands', async () => {
    const slow: Reply = (response) => setTimeout(() => response.end('{"verdict":"pass"}'), 1_200);
    await using it = await startClient([slow, slow], { connectTimeoutMs: 1_000, maxRetries: 0 });
    expect((await it.client.fetchResult(session)).verdict).toBe('pass');
    expect((await it.client.fetchResult(session)).verdict).toBe('pass');
  });

  test('by an answer without an end', async () => {
    const endless: Reply = (response) => {
      const write = () => {
        if (!response.destroyed) response.write(Buffer.alloc(2 ** 18), () => setImmediate(write));
      };
      write();
    };
    await using it = await startClient([endless]);
    await expect(it.client.fetchResult(session)).rejects.toMatchObject({
      name: 'ResponseError',
      code: 'answer_too_large',
    });
  });

  test('by a call that its caller has given up, on the wire or before', async () => {
    await using it = await startClient([stalled]);
    const giveUp = new AbortController();
    const asked = it.client.fetchResult(session, { signal: giveUp.signal });
    await until(() => it.vendor.asked.length === 1);
    giveUp.abort();
    await expect(asked).rejects.toThrow(CancelledError);
    await expect(it.client.fetchResult(session, { signal: giveUp.signal })).rejects.toThrow(CancelledError);
    expect(it.vendor.asked).toHaveLength(1);
  });

  test('by a wait between tries that its caller has given up', async () => {
    await using vendor = await startFakeVendor(broken);
    const giveUp = new AbortController();
    const onCall = () => void setTimeout(() => giveUp.abort()); // a try is over, and the wait has begun
    const client = createClient({ apiKey: 'k', baseUrl: vendor.url, onCall });
    const asked = client.fetchResult(session, { signal: giveUp.signal });
    await expect(asked).rejects.toMatchObject({ name: 'CancelledError', code: 'cancelled' });
    expect(vendor.asked).toHaveLength(1);
  });

  test('by a vendor that is not there', async () => {
    const vendor = await startFakeVendor();
    await vendor[Symbol.asyncDispose]();
    const client = createClient({ apiKey: 'k', baseUrl: vendor.url, maxRetries: 0 });
    await expect(client.fetchResult(session)).rejects.toMatchObject({
      name: 'VendorUnavailableError',
      code: 'connection_failed',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });
});

describe('an answer that is not iLive’s', () => {
  test('is an error that says so, and shows nothing of it', async () => {
    await using it = await startClient([{ text: '<html>canary</html>' }]);
    const asked = it.client.createSession({ referenceId: 'u' });
    await expect(asked).rejects.toThrow(ResponseError);
    await expect(asked).rejects.toThrow(/^createSession failed: the answer cannot be read: it is no JSON$/);
    expect(it.vendor.asked).toHaveLength(1);
  });

  test('is not followed to another address with the key', async () => {
    await using elsewhere = await startFakeVendor(fine);
    await using it = await startClient([{ status: 307, headers: { location: elsewhere.url } }]);
    await expect(it.client.fetchResult(session)).rejects.toMatchObject({ code: 'http_307' });
    expect(elsewhere.asked).toHaveLength(0);
  });
});

describe('every try is reported', () => {
  test('with the vendor’s id of it, in successes and failures', async () => {
    const failed: Reply = {
      status: 500,
      json: { detail: { code: 'boom', message: 'm', request_id: 'req_1' } },
    };
    await using it = await startClient([
      failed,
      { ...(fine as object), headers: { 'x-request-id': 'req_2' } },
    ]);
    await it.client.fetchResult(session);
    const told = { operation: 'fetchResult', ms: expect.any(Number), refused: null };
    expect(it.calls).toEqual([
      { ...told, status: 500, requestId: 'req_1', code: 'boom' },
      { ...told, status: 200, requestId: 'req_2', code: null },
    ]);
  });

  test('and a report that throws harms nobody', async () => {
    const onCall = () => {
      throw new Error('no disk for logs');
    };
    await using it = await startClient([fine], { onCall });
    expect((await it.client.fetchResult(session)).verdict).toBe('pass');
  });
});
