// The session's token is in the URL and the key in a header: whatever goes wrong, nobody is shown either.
import { describe, expect, test } from 'vitest';
import { createClient } from '../../src/ilive/client.ts';
import { type Reply, startClient } from '../support/fake-ilive-http.ts';

const fine: Reply = { json: { verdict: 'pass', session_id: 's-1' } };
const broken: Reply = { status: 503, json: { detail: { code: 'overloaded', message: 'Later.' } } };
const stalled: Reply = () => {};
const session = { sessionId: 's-1', token: 'token-canary' };

describe('guarantee 9: neither token nor key is ever shown', () => {
  const echo = {
    code: 'c token-canary',
    message: '/result?token=token-canary Bearer key-canary',
    request_id: 'token-canary',
  };
  const troubles: Record<string, Reply> = {
    'a refusal that repeats them': { status: 404, json: { detail: echo } },
    'a failure that repeats them': { status: 502, json: echo, headers: { 'x-request-id': 'token-canary' } },
    'a page that repeats them': {
      text: '<html>token-canary key-canary</html>',
      headers: { 'x-request-id': 'token-canary' },
    },
    'an image that is none': { json: { token: 'token-canary' } },
    'a broken connection': (response) => response.destroy(),
    'an answer that is no HTTP': (response) => response.socket?.end('token-canary key-canary\r\n\r\n'),
    'a stall': stalled,
  };

  test.each(Object.entries(troubles))('by %s', async (_what, reply) => {
    const seen: unknown[] = [];
    await using it = await startClient([reply], {
      dialect: 'managed',
      maxRetries: 1,
      responseTimeoutMs: 100,
      onCall: (call) => seen.push(call),
    });
    const attempts = [it.client.fetchResult(session), it.client.fetchPhoto(session)];
    for (const settled of await Promise.allSettled(attempts)) {
      if (settled.status === 'rejected') seen.push(describeWhole(settled.reason));
    }
    expect(seen.length).toBeGreaterThanOrEqual(3);
    expect(JSON.stringify(seen)).not.toMatch(/canary/);
  });

  test.each(['key-canary\u00e9', 'key-canary two', 'key-canary\nx: y'])(
    'by a key that cannot be sent',
    async (apiKey) => {
      const client = createClient({ apiKey });
      const error = await client.fetchResult(session).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ name: 'AuthenticationError', code: 'invalid_api_key' });
      expect(describeWhole(error)).not.toContain('canary');
    },
  );

  function describeWhole(error: unknown): string {
    if (!(error instanceof Error)) return String(error);
    return [
      error.stack,
      JSON.stringify(error),
      error.cause === undefined ? '' : describeWhole(error.cause),
    ].join();
  }
});

test('a key from a function is asked for before each try, and without the newline of its file', async () => {
  await using it = await startClient([broken, fine]);
  const keys = ['first\n', 'second'];
  const client = createClient({
    apiKey: () => keys.shift() ?? '',
    baseUrl: it.vendor.url,
    wait: async () => {},
  });
  await client.fetchResult(session);
  expect(it.vendor.asked.map(({ headers }) => headers.authorization)).toEqual([
    'Bearer first',
    'Bearer second',
  ]);
  await expect(client.fetchResult(session)).rejects.toMatchObject({ code: 'missing_api_key' });
});

test('an address that cannot be one is told when the client is built', () => {
  for (const baseUrl of ['api.iliveauth.com', 'ftp://x', 'https://user:secret@x']) {
    expect(() => createClient({ apiKey: 'k', baseUrl })).toThrow(TypeError);
  }
});
