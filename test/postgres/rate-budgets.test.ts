// The budget that all processes share: no window ever holds more than its limit, however many spend at once.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { connect, type Database } from '../../src/db/connect.ts';
import { createSharedBudget } from '../../src/reconcile/budget.ts';
import { createTestDatabase } from '../support/database.ts';
import { silent } from '../support/service.ts';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  db = connect({
    url: database.url,
    applicationName: 'budget test',
    maxConnections: 6,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 10_000,
    log: silent,
  });
});

afterAll(async () => {
  await db.close();
  await database.drop();
});

function busiest(times: readonly number[], windowMs: number): number {
  return Math.max(
    ...times.map((start) => times.filter((time) => time >= start && time < start + windowMs).length),
  );
}

test('10 — three processes that take as fast as they can never exceed a rolling second or minute', async () => {
  let run = 0;
  const limits = fc.record({
    perMinute: fc.constantFrom(20, 60, 600),
    perSecond: fc.constantFrom(2, 10, 50),
  });
  await fc.assert(
    fc.asyncProperty(limits, async ({ perMinute, perSecond }) => {
      run += 1;
      let nowMs = Date.parse('2030-01-01T00:00:00Z');
      // Time moves only by what somebody waits for, so the run is as dense as it can be.
      const wait = async (ms: number) => {
        nowMs += ms;
      };
      const options = {
        db,
        id: `run-${run}`,
        perMinute,
        perSecond,
        log: silent,
        now: () => new Date(nowMs),
        wait,
      };
      const processes = [0, 1, 2].map(() => createSharedBudget(options));
      const taken: number[] = [];
      const end = nowMs + 130_000;
      await Promise.all(
        processes.map(async (budget) => {
          while (nowMs < end) {
            await budget.take();
            taken.push(nowMs);
          }
        }),
      );
      expect(busiest(taken, 60_000)).toBeLessThanOrEqual(perMinute);
      expect(busiest(taken, 1_000)).toBeLessThanOrEqual(perSecond);
      // And it is no miser: at least two thirds of what the tighter limit allows is used.
      expect(taken.length).toBeGreaterThan((130 / 60) * Math.min(perMinute, perSecond * 60) * 0.6);
    }),
    { numRuns: 6 },
  );
});

test('after a 429 nobody takes, in any process', async () => {
  let nowMs = Date.parse('2030-01-01T00:00:00Z');
  const wait = async (ms: number) => {
    nowMs += ms;
  };
  const options = {
    db,
    id: 'blocked',
    perMinute: 600,
    perSecond: 50,
    log: silent,
    now: () => new Date(nowMs),
    wait,
  };
  const [one, other] = [createSharedBudget(options), createSharedBudget(options)];
  await one.take();
  one.block(30_000);
  await db.query({ text: `select pg_sleep(0) from rate_budgets where id = 'blocked'` });
  const started = nowMs;
  await one.take();
  expect(nowMs - started).toBeGreaterThanOrEqual(30_000);
  await other.take();
});
