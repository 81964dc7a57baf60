import { describe, expect, test } from 'vitest';
import { createAdmission, watchLoop } from '../../src/http/admission.ts';
import { until } from '../support/until.ts';

function setUp() {
  const seen = { isQueueFull: false, waitMs: 0, loopMs: 0 };
  const shed: string[] = [];
  const admission = createAdmission({
    maxBytes: 100,
    maxWaitMs: 1_000,
    maxLoopDelayMs: 50,
    isQueueFull: () => seen.isQueueFull,
    expectedWaitMs: () => seen.waitMs,
    loopDelayMs: () => seen.loopMs,
    onShed: (reason) => shed.push(reason),
  });
  return { admission, seen, shed };
}

describe('guarantee 10: a request is turned away before it is read', () => {
  test('for each limit alone, and not at it', () => {
    const { admission, seen, shed } = setUp();
    Object.assign(seen, { waitMs: 1_000, loopMs: 50 });
    expect(admission.refuse()).toBeUndefined();
    for (const [what, reason] of [
      [{ isQueueFull: true }, 'deliveries'],
      [{ waitMs: 1_001 }, 'wait'],
      [{ loopMs: 51 }, 'event_loop'],
    ] as const) {
      Object.assign(seen, { isQueueFull: false, waitMs: 0, loopMs: 0 }, what);
      expect(admission.refuse()).toBe(reason);
    }
    expect(shed).toEqual(['deliveries', 'wait', 'event_loop']);
  });

  test('when as many bytes are held as may be, and no longer once they are released', () => {
    const { admission } = setUp();
    const [one, two] = [admission.hold(), admission.hold()];
    expect([one.add(60), two.add(40), two.add(1)]).toEqual([true, true, false]);
    expect(admission.refuse()).toBe('bytes');
    one.release();
    one.release();
    expect(admission.refuse()).toBeUndefined();
    expect([two.add(60), two.add(1)]).toEqual([true, false]);
    two.release();
    expect(admission.hold().add(100)).toBe(true);
  });
});

test('guarantee 10: the largest body that has not ended gives way to a smaller one, and none that has', () => {
  const { admission, shed } = setUp();
  const gaveWay: string[] = [];
  const [whole, large, small, another] = ['whole', 'large', 'small', 'another'].map((name) => {
    const held = admission.hold();
    held.begin(() => gaveWay.push(name));
    return held;
  });
  expect([whole?.add(45), large?.add(40), small?.add(10)]).toEqual([true, true, true]);
  whole?.finish();
  expect([another?.add(20), gaveWay]).toEqual([true, ['large']]);
  // It is the largest itself by now.
  expect([another?.add(40), gaveWay]).toEqual([false, ['large']]);
  expect(shed).toEqual(['bytes', 'bytes']);
  large?.release();
  another?.release();
  expect(large?.add(45)).toBe(true);
});

test('guarantee 10: the event loop is late once two looks have found it so, and not for a pause of the machine', async ({
  onTestFinished,
}) => {
  const startedAt = performance.now();
  const loop = watchLoop();
  onTestFinished(() => loop.stop());
  const standStill = async () => {
    const end = performance.now() + 60;
    while (performance.now() < end);
    await new Promise((resolve) => setTimeout(resolve, 1));
    return loop.delayMs();
  };
  // The first look comes after half a second, the second after a whole one.
  const early: number[] = [];
  for (let late = await standStill(); performance.now() - startedAt < 900; late = await standStill())
    early.push(late);
  expect(early).toEqual(early.map(() => 0));
  await until(async () => (await standStill()) > 40);
});
