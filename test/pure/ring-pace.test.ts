// How long ids gather before the next ring, on a clock that the test turns.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createRingPace } from '../../src/queue/ring-pace.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

const pass = (ms: number) => vi.advanceTimersByTime(ms);

/** A ring for so many ids that comes `afterMs` behind what was before and takes `tookMs`; gives how long the next is to wait. */
function ring(
  pace: ReturnType<typeof createRingPace>,
  given: { afterMs: number; ids: number; tookMs: number },
) {
  pass(given.afterMs);
  const end = pace.begin(given.ids);
  pass(given.tookMs);
  end();
  return pace.restMs();
}

test('the first ring and one that comes alone wait for nothing', () => {
  const pace = createRingPace();
  expect(pace.restMs()).toBeLessThanOrEqual(0);
  ring(pace, { afterMs: 0, ids: 1, tookMs: 4 });
  pass(200);
  expect(pace.restMs()).toBeLessThanOrEqual(0);
});

test('a ring takes a fifth of the time at most, and no slow one holds the next up for longer than 100 ms', () => {
  const pace = createRingPace();
  expect(ring(pace, { afterMs: 1_000, ids: 1, tookMs: 4 })).toBe(16);
  expect(ring(pace, { afterMs: 1_000, ids: 1, tookMs: 1 })).toBe(4);
  expect(ring(pace, { afterMs: 1_000, ids: 1, tookMs: 60 })).toBe(40);
});

test('the more come in, the longer ids gather: 20 ms for each thousand a second, up to 100', () => {
  const pace = createRingPace();
  ring(pace, { afterMs: 0, ids: 1, tookMs: 1 });
  expect(ring(pace, { afterMs: 99, ids: 200, tookMs: 1 })).toBe(39);
  expect(ring(pace, { afterMs: 99, ids: 1_000, tookMs: 1 })).toBe(99);
});

test('where rings take twice as long as quiet ones, ids gather four times as long, up to 400 ms', () => {
  const pace = createRingPace();
  ring(pace, { afterMs: 0, ids: 1, tookMs: 1 });
  expect(ring(pace, { afterMs: 99, ids: 200, tookMs: 12 })).toBe(148);
  expect(ring(pace, { afterMs: 88, ids: 1_000, tookMs: 60 })).toBe(340);
});
