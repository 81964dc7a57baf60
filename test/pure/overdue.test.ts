import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DeliveryId } from '../../src/events/event.ts';
import type { Instant } from '../../src/events/instant.ts';
import type { Standing } from '../../src/events/session.ts';
import { confirmAt, firstPullAt, lastChanceMs, nextPullAt } from '../../src/reconcile/overdue.ts';

const start = new Date('2026-04-11T09:00:00Z');
const end = new Date('2026-04-11T09:30:00Z');

// Every time at which a session that never answers is asked about.
function schedule(startedAt: Date, expiresAt: Date): number[] {
  const times: number[] = [];
  let next: Date | null = firstPullAt(startedAt, expiresAt, { firstAfterMs: 20_000 });
  while (next !== null) {
    times.push(next.getTime() - startedAt.getTime());
    next = nextPullAt(next, times.length, expiresAt);
  }
  return times;
}

test('it starts at 20 s, never leaves a gap over 60 s in the first quarter of an hour nor over 180 s after it', () => {
  const times = schedule(start, end);
  expect(times[0]).toBe(20_000);
  const gaps = times.slice(1).map((time, index) => [times[index] ?? 0, time - (times[index] ?? 0)] as const);
  for (const [at, gap] of gaps) expect(gap).toBeLessThanOrEqual(at < 14 * 60_000 ? 60_000 : 180_000);
  expect(times.length).toBeLessThan(30);
});

test('guarantee 8: there is always a last time a minute before the end and one just after it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 7_200 }), (ttlSeconds) => {
      const expiresAt = new Date(start.getTime() + ttlSeconds * 1000);
      const times = schedule(start, expiresAt);
      const ttlMs = ttlSeconds * 1000;
      expect(times.filter((time) => time >= ttlMs)).toHaveLength(1);
      if (ttlMs > lastChanceMs) expect(times).toContain(ttlMs - lastChanceMs);
      expect(times).toEqual([...times].sort((a, b) => a - b));
    }),
  );
});

test('while somebody waits it is asked every 5 s for a minute and every 15 s then, and the last times stay', () => {
  const gapsAfter = (attempts: number) =>
    (nextPullAt(start, attempts, end, true)?.getTime() ?? 0) - start.getTime();
  expect([1, 2, 3, 11].map(gapsAfter)).toEqual([5_000, 5_000, 5_000, 5_000]);
  expect([12, 100].map(gapsAfter)).toEqual([15_000, 15_000]);
  const late = new Date(end.getTime() - lastChanceMs - 1_000);
  expect(nextPullAt(late, 3, end, true)).toEqual(new Date(end.getTime() - lastChanceMs));
});

test('each policy confirms what it says, and nothing that two sources have told already', () => {
  const standing = (changes: Partial<Standing>): Standing => ({
    state: 'settled',
    verdict: 'pass',
    confidence: null,
    referenceId: null,
    verdictAt: '2026-04-11T09:10:00.000000Z' as Instant,
    settledBy: 'd-1' as DeliveryId,
    settledSource: 'webhook',
    confirmation: 'unconfirmed',
    ...changes,
  });
  expect(confirmAt('never', standing({}), start)).toBeNull();
  expect(confirmAt('unsigned', standing({}), start)).toBeNull();
  expect(confirmAt('pass', standing({}), start)).toEqual(start);
  expect(confirmAt('pass', standing({ verdict: 'fail' }), start)).toBeNull();
  expect(confirmAt('always', standing({ verdict: 'fail' }), start)).toEqual(start);
  expect(confirmAt('always', standing({ confirmation: 'confirmed' }), start)).toBeNull();
  expect(confirmAt('always', standing({ settledSource: 'pull' }), start)).toBeNull();
  expect(confirmAt('always', standing({ state: 'disputed' }), start)).toBeNull();
});
