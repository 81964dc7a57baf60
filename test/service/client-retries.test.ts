// When the client tries again, how long it waits before, and what it must never try twice.
import { describe, expect, test } from 'vitest';
import { createClient } from '../../src/ilive/client.ts';
import { VendorUnavailableError } from '../../src/ilive/errors.ts';
import { type Reply, startClient } from '../support/fake-ilive-http.ts';

const fine: Reply = { json: { verdict: 'pass', session_id: 's-1' } };
const limited: Reply = {
  status: 429,
  json: { detail: { code: 'rate_limited', message: 'API key rate limit exceeded' } },
};
const broken: Reply = { status: 503, json: { detail: { code: 'overloaded', message: 'Later.' } } };
const session = { sessionId: 's-1' };

describe('tries again', () => {
  test('a read that the vendor failed, with the documented waits, and gives up after five', async () => {
    await using it = await startClient([broken]);
    await expect(it.client.fetchResult(session)).rejects.toMatchObject({
      name: 'VendorUnavailableError',
      status: 503,
      code: 'overloaded',
    });
    expect(it.vendor.asked).toHaveLength(6);
    const bases = [1_000, 2_000, 4_000, 8_000, 16_000];
    expect(it.waits).toHaveLength(5);
    for (const [index, base] of bases.entries()) {
      expect(Math.abs((it.waits[index] ?? 0) - base)).toBeLessThanOrEqual(250);
    }
  });

  test('a read until it succeeds', async () => {
    await using it = await startClient([broken, { status: 502, text: '<html>Bad Gateway</html>' }, fine]);
    expect((await it.client.fetchResult(session)).verdict).toBe('pass');
    expect(it.vendor.asked).toHaveLength(3);
  });

  test('a create that was limited, since it was not executed', async () => {
    await using it = await startClient([limited, limited, { json: { session_id: 's-1' } }]);
    expect((await it.client.createSession({ referenceId: 'u' })).sessionId).toBe('s-1');
    expect(it.vendor.asked).toHaveLength(3);
  });

  test('after as long as the vendor asks for, where that is longer than our own wait', async () => {
    const later = { ...(limited as object), headers: { 'retry-after': '20' } };
    const soon = { ...(limited as object), headers: { 'retry-after': '1' } };
    await using it = await startClient([later, soon, soon, fine]);
    await it.client.fetchResult(session);
    expect(it.waits[0]).toBe(20_000);
    expect(it.waits[1]).toBeGreaterThanOrEqual(1_750);
  });

  test('not at all where the wait would outlast every caller: the error says how long it is', async () => {
    const hourLater = { ...(limited as object), headers: { 'retry-after': '3600' } };
    await using it = await startClient([hourLater]);
    await expect(it.client.fetchResult(session)).rejects.toMatchObject({
      name: 'RateLimitError',
      retryAfterMs: 3_600_000,
    });
    expect(it.vendor.asked).toHaveLength(1);
  });

  test('a limited call at most five times', async () => {
    await using it = await startClient([limited]);
    await expect(it.client.createSession({ referenceId: 'u' })).rejects.toMatchObject({
      name: 'RateLimitError',
      code: 'rate_limited',
    });
    expect(it.vendor.asked).toHaveLength(6);
  });

  test.each([
    ['a create that the vendor failed', broken],
    ['a create that was not answered', ((response) => response.destroy()) satisfies Reply],
  ])('never %s, which may have been executed', async (_what, reply) => {
    await using it = await startClient([reply]);
    await expect(it.client.createSession({ referenceId: 'u' })).rejects.toThrow(VendorUnavailableError);
    expect(it.vendor.asked).toHaveLength(1);
  });

  test.each([400, 401, 403, 404, 409, 413, 422])('never a read that was refused with %i', async (status) => {
    await using it = await startClient([{ status, json: { detail: { code: 'c', message: 'm' } } }]);
    await expect(it.client.fetchResult(session)).rejects.toMatchObject({ status, code: 'c' });
    expect(it.vendor.asked).toHaveLength(1);
  });
});

describe('after a 429', () => {
  test('no other call of the client goes out before the wait is over', async () => {
    await using it = await startClient([limited, fine]);
    const blockedMs: number[] = [];
    const budget = { take: async () => {}, learn: () => {}, block: (ms: number) => blockedMs.push(ms) };
    const client = createClient({ apiKey: 'k', baseUrl: it.vendor.url, budget, wait: async () => {} });
    await client.fetchResult(session);
    expect(blockedMs).toHaveLength(1);
    expect(blockedMs[0]).toBeGreaterThanOrEqual(750);
  });

  test('what the headers say reaches the budget, also from a success', async () => {
    const headers = { 'x-ratelimit-limit': '600', 'x-ratelimit-remaining': '3', 'x-ratelimit-reset': '30' };
    await using it = await startClient([{ ...(fine as object), headers }]);
    const learned: unknown[] = [];
    const budget = {
      take: async () => {},
      block: () => {},
      learn: (limits: unknown) => void learned.push(limits),
    };
    const client = createClient({ apiKey: 'k', baseUrl: it.vendor.url, budget });
    await client.fetchResult(session);
    expect(learned).toEqual([{ limit: 600, remaining: 3, resetMs: 30_000 }]);
  });
});
