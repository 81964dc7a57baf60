// A vendor that keeps failing is left alone, and found again when it is back.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CancelledError } from '../../src/ilive/errors.ts';
import { type Reply, startClient } from '../support/fake-ilive-http.ts';
import { until } from '../support/until.ts';

const fine: Reply = { json: { verdict: 'pass', session_id: 's-1' } };
const broken: Reply = { status: 503, json: { detail: { code: 'overloaded', message: 'Later.' } } };
const stalled: Reply = () => {};
const session = { sessionId: 's-1' };

// It stands still until a test moves it: how soon a breaker lets one try is no matter of how busy the machine is.
beforeEach(() => vi.useFakeTimers({ toFake: ['Date', 'performance'] }));
afterEach(() => vi.useRealTimers());

describe('the breaker', () => {
  const breaker = { failures: 3, halfOpenAfterMs: 300 };
  const alone = { breaker, maxRetries: 0 };

  async function failTimes(count: number, client: { fetchResult(of: typeof session): Promise<unknown> }) {
    for (let done = 0; done < count; done += 1) await client.fetchResult(session).catch(() => {});
  }

  type Client = Awaited<ReturnType<typeof startClient>>;

  async function giveUpOnceAsked({ client, vendor }: Client, askedCount: number) {
    const leaving = new AbortController();
    const asked = client.fetchResult(session, { signal: leaving.signal });
    await Promise.race([asked, until(() => vendor.asked.length === askedCount)]);
    leaving.abort();
    await expect(asked).rejects.toThrow(CancelledError);
  }

  test('refuses at once after so many failures in a row, and lets one try later', async () => {
    await using it = await startClient([broken], alone);
    await failTimes(3, it.client);
    await expect(it.client.fetchResult(session)).rejects.toMatchObject({
      name: 'VendorUnavailableError',
      code: 'circuit_open',
      retryAfterMs: expect.any(Number),
    });
    expect(it.vendor.asked).toHaveLength(3);
    it.vendor.reply(fine);
    vi.advanceTimersByTime(300);
    await it.client.fetchResult(session);
    expect(it.vendor.asked).toHaveLength(4);
    await it.client.fetchResult(session);
  });

  test('ends a call that still had retries left, and spends nothing of the budget while it is open', async () => {
    let takenCount = 0;
    const budget = {
      take: async () => {
        takenCount += 1;
      },
      learn: () => {},
      block: () => {},
    };
    await using it = await startClient([broken], {
      breaker: { failures: 3, halfOpenAfterMs: 60_000 },
      budget,
    });
    await expect(it.client.fetchResult(session)).rejects.toMatchObject({ code: 'circuit_open' });
    await expect(it.client.fetchResult(session)).rejects.toMatchObject({ code: 'circuit_open' });
    expect([it.vendor.asked.length, takenCount, it.waits.length]).toEqual([3, 3, 3]);
  });

  test('opens again when the try fails', async () => {
    await using it = await startClient([broken], alone);
    await failTimes(3, it.client);
    vi.advanceTimersByTime(300);
    await failTimes(1, it.client);
    expect(it.vendor.asked).toHaveLength(4);
    await expect(it.client.fetchResult(session)).rejects.toMatchObject({ code: 'circuit_open' });
    expect(it.vendor.asked).toHaveLength(4);
  });

  test('leaves iLive alone for no longer when the clock is set back', async () => {
    await using it = await startClient([broken], alone);
    await failTimes(3, it.client);
    for (const asked of [3, 4]) {
      vi.setSystemTime(Date.now() - 3_600_000);
      await expect(it.client.fetchResult(session)).rejects.toMatchObject({
        code: 'circuit_open',
        retryAfterMs: 300,
      });
      expect(it.vendor.asked).toHaveLength(asked);
      vi.advanceTimersByTime(300);
      // One try: the first of the two fails as well.
      await failTimes(1, it.client);
      expect(it.vendor.asked).toHaveLength(asked + 1);
      it.vendor.reply(fine);
    }
    await it.client.fetchResult(session);
    expect(it.vendor.asked).toHaveLength(6);
  });

  test('is not opened by refusals, nor by callers who give up', async () => {
    const refused: Reply = { status: 404, json: { detail: 'Not Found' } };
    await using it = await startClient([broken, broken, refused, broken, broken, stalled], alone);
    await failTimes(5, it.client);
    for (let count = 6; count < 10; count += 1) await giveUpOnceAsked(it, count);
    expect(it.vendor.asked).toHaveLength(9);
  });

  test('lets the others wait while one tries, and no longer than their callers want', async () => {
    await using it = await startClient([broken], alone);
    await failTimes(3, it.client);
    let answer = () => {};
    it.vendor.reply((response) => {
      answer = () => response.end('{"verdict":"pass"}');
    }, fine);
    vi.advanceTimersByTime(300);
    const trial = it.client.fetchResult(session);
    await until(() => it.vendor.asked.length === 4);
    const impatient = it.client.fetchResult(session, { signal: AbortSignal.timeout(20) });
    const patient = it.client.fetchResult(session);
    await expect(impatient).rejects.toThrow(CancelledError);
    expect(it.vendor.asked).toHaveLength(4);
    answer();
    expect(await trial).toMatchObject({ verdict: 'pass' });
    expect((await patient).verdict).toBe('pass');
  });

  test('is not closed by a try that its caller gave up', async () => {
    await using it = await startClient([broken], alone);
    await failTimes(3, it.client);
    it.vendor.reply(stalled);
    vi.advanceTimersByTime(300);
    await giveUpOnceAsked(it, 4);
    await expect(it.client.fetchResult(session)).rejects.toMatchObject({ code: 'circuit_open' });
  });
});
