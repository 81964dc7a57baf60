// The budget that all processes share: no window ever holds more than its limit, however many spend at once.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSharedBudget } from '../../src/reconcile/budget.ts';
import { silent } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';

const testDatabase = useTestDatabase();

function busiest(times: readonly number[], windowMs: number): number {
  return Math.max(
    ...times.map((start) => times.filter((time) => time >= start && time < start + windowMs).length),
  );
}

test('guarantee 10: three processes that take by turns as fast as they can never exceed a rolling second or minute', async () => {
  let run = 0;
  const limits = fc.record({
    perMinute: fc.constantFrom(20, 60, 600),
    perSecond: fc.constantFrom(2, 10, 50),
  });
  await fc.assert(
    fc.asyncProperty(limits, async ({ perMinute, perSecond }) => {
      run += 1;
      const begunMs = Date.parse('2030-01-01T00:00:00Z');
      let nowMs = begunMs;
      // Time moves only by what somebody waits for, so the run is as dense as it can be. After a minute come quiet times, of
      // which nothing may be saved up.
      let quietAtMs = begunMs + 61_000;
      let quietMs = 0;
      const wait = async (ms: number) => {
        nowMs += ms;
      };
      const options = {
        db: testDatabase.db,
        id: `run-${run}`,
        perMinute,
        perSecond,
        log: silent,
        now: () => new Date(nowMs),
        wait,
      };
      const processes = [0, 1, 2].map(() => createSharedBudget(options));
      const taken: number[] = [];
      // One after another, so that each is written down at the time at which it was granted.
      for (let turn = 0; nowMs < begunMs + 130_000; turn += 1) {
        await processes[turn % processes.length]?.take();
        taken.push(nowMs);
        if (nowMs < quietAtMs) continue;
        nowMs += 20_000;
        quietMs += 20_000;
        quietAtMs = nowMs + 10_000;
      }
      expect(busiest(taken, 60_000)).toBeLessThanOrEqual(perMinute);
      expect(busiest(taken, 1_000)).toBeLessThanOrEqual(perSecond);
      // And it is no miser: half of the tightest limit goes to bursts, the rest is used.
      const usedMinutes = (nowMs - begunMs - quietMs) / 60_000;
      expect(taken.length).toBeGreaterThan(usedMinutes * Math.min(perMinute, perSecond * 60) * 0.4);
    }),
    { numRuns: 6 },
  );
});

test('after a 429 nobody takes, in any process', async () => {
  const begunMs = Date.parse('2030-01-01T00:00:00Z');
  // Each with a clock of its own, which moves only by what it waits for.
  const startProcess = () => {
    let nowMs = begunMs;
    const budget = createSharedBudget({
      db: testDatabase.db,
      id: 'blocked',
      perMinute: 600,
      perSecond: 50,
      log: silent,
      now: () => new Date(nowMs),
      wait: async (ms) => {
        nowMs += ms;
      },
    });
    return { budget, waitedMs: () => nowMs - begunMs };
  };
  const [one, other] = [startProcess(), startProcess()];
  await one.budget.take();
  one.budget.block(30_000);
  const isKept = `select from rate_budgets where id = 'blocked' and blocked_until > $1`;
  const values = [new Date(begunMs).toISOString()];
  await until(async () => (await testDatabase.db.query({ text: isKept, values })).length === 1);
  for (const { budget, waitedMs } of [other, one]) {
    await budget.take();
    expect(waitedMs()).toBeGreaterThanOrEqual(30_000);
  }
});
