import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CancelledError } from '../../src/ilive/errors.ts';
import { createRateBudget, longestHoldMs, nextAt, type Tier, tiers } from '../../src/ilive/rate-limit.ts';
import { readRateLimits, readRetryAfter } from '../../src/ilive/rate-limit-headers.ts';

/** A clock that only waiting moves, once everybody who was let go before has gone. */
function simulatedClock() {
  let ms = 0;
  return {
    nowMs: () => ms,
    wait: async (waitMs: number) => {
      await new Promise(setImmediate);
      ms += waitMs;
    },
    pass: (passedMs: number) => {
      ms += passedMs;
    },
  };
}

function mostInAnyWindow(times: readonly number[], windowMs: number): number {
  const counts = times.map((from) => times.filter((time) => time >= from && time < from + windowMs).length);
  return Math.max(0, ...counts);
}

describe('the pace', () => {
  test('never lets more calls go than the limit in any second or minute', async () => {
    const tier = fc.record({
      perMinute: fc.integer({ min: 1, max: 30 }),
      perSecond: fc.integer({ min: 1, max: 10 }),
    });
    const gaps = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3_000 })), { maxLength: 80 });
    await fc.assert(
      fc.asyncProperty(tier, gaps, async (tier, gaps) => {
        const clock = simulatedClock();
        const budget = createRateBudget({ tier, ...clock });
        const times: number[] = [];
        for (const gapMs of gaps) {
          clock.pass(gapMs);
          await budget.take();
          times.push(clock.nowMs());
        }
        expect(mostInAnyWindow(times, 1_000)).toBeLessThanOrEqual(tier.perSecond);
        expect(mostInAnyWindow(times, 60_000)).toBeLessThanOrEqual(tier.perMinute);
      }),
      { numRuns: 60 },
    );
  });

  test('holds for calls that come all at once, too', async () => {
    const clock = simulatedClock();
    const tier = { perMinute: 20, perSecond: 5 };
    const budget = createRateBudget({ tier, ...clock });
    const times = await Promise.all(
      Array.from({ length: 50 }, () => budget.take().then(() => clock.nowMs())),
    );
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(mostInAnyWindow(times, 1_000)).toBe(5);
    expect(mostInAnyWindow(times, 60_000)).toBe(20);
  });

  test('begins at the Standard tier: the 51st call of a second and the 601st of a minute wait', async () => {
    const clock = simulatedClock();
    const budget = createRateBudget(clock);
    const times: number[] = [];
    for (let count = 0; count < 601; count += 1) {
      await budget.take();
      times.push(clock.nowMs());
    }
    expect(times[49]).toBe(0);
    expect(times[50]).toBeGreaterThanOrEqual(1_000);
    expect(times[599]).toBeLessThan(60_000);
    expect(times[600]).toBeGreaterThanOrEqual(60_000);
  });

  test('a limit of 0 is no limit', () => {
    expect(nextAt(Array(100_000).fill(0), tiers.unlimited)).toBe(Number.NEGATIVE_INFINITY);
  });

  test('a caller who leaves the queue takes nothing and holds nobody up', async () => {
    const clock = simulatedClock();
    const budget = createRateBudget({ tier: { perMinute: 2, perSecond: 1 }, ...clock });
    await budget.take();
    const leaving = new AbortController();
    const left = budget.take(leaving.signal);
    const next = budget.take();
    leaving.abort();
    await expect(left).rejects.toBeInstanceOf(CancelledError);
    await next;
    expect(clock.nowMs()).toBeLessThan(2_000);
    await expect(budget.take(leaving.signal)).rejects.toBeInstanceOf(CancelledError);
  });
});

describe('the pace learns', () => {
  const silent = { limit: null, remaining: null, resetMs: null };

  async function timeOfNext(setUp: (budget: ReturnType<typeof createRateBudget>) => void, tier?: Tier) {
    const clock = simulatedClock();
    const budget = createRateBudget({ ...(tier === undefined ? {} : { tier }), ...clock });
    setUp(budget);
    await budget.take();
    return clock.nowMs();
  }

  test('to wait for the next window when nothing remains of this one', async () => {
    expect(await timeOfNext((budget) => budget.learn({ ...silent, remaining: 0, resetMs: 7_000 }))).toBe(
      7_000,
    );
  });

  test('that calls on their way count too: a late answer does not give back what was taken', async () => {
    const time = await timeOfNext((budget) => {
      budget.learn({ ...silent, remaining: 1, resetMs: 7_000 });
      void budget.take();
      budget.learn({ ...silent, remaining: 1, resetMs: 7_000 });
    });
    expect(time).toBe(7_000);
  });

  test('nothing from a header that would stop all calls for longer than a window', async () => {
    const time = await timeOfNext((budget) => budget.learn({ ...silent, remaining: 0, resetMs: 1e12 }));
    expect(time).toBe(longestHoldMs);
    expect(await timeOfNext((budget) => budget.block(1e12))).toBe(longestHoldMs);
  });

  test.each([
    { limit: 6_000, callsAtOnce: 200 },
    { limit: 200, callsAtOnce: 200 },
    { limit: 600, callsAtOnce: 50 },
    { limit: 7, callsAtOnce: 50 },
  ])('the tier from a limit of $limit', async ({ limit, callsAtOnce }) => {
    const clock = simulatedClock();
    const budget = createRateBudget(clock);
    budget.learn({ ...silent, limit });
    let count = 0;
    for (; clock.nowMs() === 0; count += 1) await budget.take();
    expect(count - 1).toBe(callsAtOnce);
  });

  test('no tier where the operator has fixed one', async () => {
    const time = await timeOfNext(
      (budget) => {
        budget.learn({ ...silent, limit: 0 });
        void budget.take();
      },
      { perMinute: 10, perSecond: 1 },
    );
    expect(time).toBeGreaterThanOrEqual(1_000);
  });

  test('from a 429 to let nobody go for a while', async () => {
    expect(await timeOfNext((budget) => budget.block(2_500))).toBe(2_500);
  });
});

describe('the headers', () => {
  const now = new Date('2026-04-11T09:30:00Z');
  const unixSeconds = now.getTime() / 1_000;

  test.each([
    ['30', 30_000],
    ['0.5', 500],
    [String(unixSeconds + 30), 30_000],
    [String((unixSeconds + 30) * 1_000), 30_000],
    [String(unixSeconds - 30), 0],
    ['soon', null],
    ['-5', null],
  ])('X-RateLimit-Reset: %s', (reset, resetMs) => {
    const headers = new Headers({
      'X-RateLimit-Limit': '600',
      'X-RateLimit-Remaining': '12',
      'X-RateLimit-Reset': reset,
    });
    expect(readRateLimits(headers, now)).toEqual({ limit: 600, remaining: 12, resetMs });
  });

  test.each([
    ['7', 7_000],
    ['1.5', 1_500],
    ['0', null],
    ['-5', null],
    ['later', null],
    ['Sat, 11 Apr 2026 09:30:20 GMT', 20_000],
    ['Sat, 11 Apr 2026 09:29:00 GMT', null],
  ])('Retry-After: %s', (text, ms) => {
    expect(readRetryAfter(new Headers({ 'Retry-After': text }), now)).toBe(ms);
  });

  test('a date in Retry-After goes by the clock of who answers, since ours may be off', () => {
    const headers = new Headers({
      Date: 'Sat, 11 Apr 2026 09:40:00 GMT',
      'Retry-After': 'Sat, 11 Apr 2026 09:40:20 GMT',
    });
    expect(readRetryAfter(headers, now)).toBe(20_000);
  });

  test('say nothing where they are absent', () => {
    expect(readRateLimits(new Headers(), now)).toEqual({ limit: null, remaining: null, resetMs: null });
    expect(readRetryAfter(new Headers(), now)).toBeNull();
  });
});
