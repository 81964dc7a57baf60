// What a turn of the sweep does with much that is owed: it goes through all of it, beside others that do the same, and
// stops where it is told to.
import { beforeEach, expect, test } from 'vitest';
import { createSweep, type SweepDependencies } from '../../src/reconcile/sweep.ts';
import { silent } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';

const database = useTestDatabase();
const untilTheEnd = new AbortController().signal;
const batchMaxIds = 10;

beforeEach(async () => {
  await database.db.query({ text: 'truncate deliveries, delivery_bodies' });
});

/** So many that have been owed for long, without their bytes. */
async function owe(count: number): Promise<string[]> {
  await database.db.query({
    text: `
      insert into deliveries (id, account, source, body_sha256, received_at, state)
      select lpad(to_hex(n), 32, '0')::uuid, 'default', 'webhook', sha256(n::text::bytea), '2026-01-01', 'received'
      from generate_series(1, $1::int) n`,
    values: [count],
  });
  return Array.from({ length: count }, (_, index) =>
    (index + 1)
      .toString(16)
      .padStart(32, '0')
      .replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
  );
}

function sweepWith(changes: Partial<SweepDependencies>) {
  return createSweep({
    db: database.db,
    announce: async () => false,
    process: async () => {},
    overdueMs: 1_000,
    batchMaxIds,
    isPaused: () => false,
    log: silent,
    now: () => new Date(),
    onSwept: () => {},
    ...changes,
  });
}

test('a turn ends behind the newest, however many fail before it', async () => {
  const ids = await owe(20_001);
  const seen = new Set<string>();
  const process = async (batch: readonly string[]) => {
    for (const id of batch) seen.add(id);
    throw new Error('stuck');
  };
  await expect(sweepWith({ process, batchMaxIds: 1_000 })(untilTheEnd)).rejects.toThrow('stuck');
  expect(seen.size).toBe(ids.length);
});

test('each sweep takes its batches in an order of its own, and all of them', async () => {
  const ids = await owe(40 * batchMaxIds);
  const ordersOf = async (what: 'announce' | 'process') => {
    const orders: string[][] = [[], []];
    await Promise.all(
      orders.map((order) => {
        const take = async (batch: readonly string[]) => order.push(...batch) > 0;
        return sweepWith(
          what === 'announce' ? { announce: take } : { process: async (batch) => void take(batch) },
        )(untilTheEnd);
      }),
    );
    return orders;
  };
  for (const what of ['announce', 'process'] as const) {
    const [one, other] = await ordersOf(what);
    expect([...(one ?? [])].sort()).toEqual(ids);
    expect([...(other ?? [])].sort()).toEqual(ids);
    expect(one).not.toEqual(other);
  }
});

test('what it rang for it processes itself in its next turn, and what came since it rings for', async () => {
  const ids = await owe(3 * batchMaxIds);
  const rung: string[] = [];
  const processed: string[] = [];
  const sweep = sweepWith({
    announce: async (batch) => rung.push(...batch) > 0,
    process: async (batch) => void processed.push(...batch),
  });
  const [newest = ''] = ids.splice(-1);
  await database.db.query({
    text: "update deliveries set received_at = now() + '1 hour' where id = $1",
    values: [newest],
  });
  await sweep(untilTheEnd);
  expect([rung.splice(0).sort(), processed]).toEqual([ids, []]);
  await database.db.query({ text: `update deliveries set received_at = '2026-01-01'` });
  await sweep(untilTheEnd);
  expect([rung, processed.sort()]).toEqual([[newest], ids]);
});

test('one ring that nobody heard tells for the others', async () => {
  await owe(5 * batchMaxIds);
  let rings = 0;
  const announce = async () => {
    rings += 1;
    return false;
  };
  await sweepWith({ announce })(untilTheEnd);
  expect(rings).toBe(1);
});

test('a turn rings for no more than it remembers until the next', async () => {
  await owe(101_001);
  let rung = 0;
  let processed = 0;
  const sweep = sweepWith({
    announce: async (batch) => {
      rung += batch.length;
      return true;
    },
    process: async (batch) => {
      processed += batch.length;
    },
    batchMaxIds: 1_000,
  });
  await sweep(untilTheEnd);
  expect([rung, processed]).toEqual([100_000, 0]);
  await sweep(untilTheEnd);
  expect([rung, processed]).toEqual([101_001, 100_000]);
});

test.each(['a stop', 'a pause'])('%s ends a turn behind the batch at work', async (what) => {
  await owe(5 * batchMaxIds);
  const stopping = new AbortController();
  let isPaused = false;
  let processed = 0;
  const sweep = sweepWith({
    isPaused: () => isPaused,
    process: async (batch) => {
      processed += batch.length;
      if (what === 'a stop') stopping.abort();
      else isPaused = true;
    },
  });
  await sweep(stopping.signal);
  expect(processed).toBe(batchMaxIds);
  await sweep(stopping.signal);
  expect(processed).toBe(batchMaxIds);
});
