import { describe, expect, test } from 'vitest';
import { createAdmission } from '../../src/http/admission.ts';

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
