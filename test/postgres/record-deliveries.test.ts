// What makes a delivery the same delivery.
import { createHash } from 'node:crypto';
import { v7 as uuidV7 } from 'uuid';
import { beforeEach, expect, test } from 'vitest';
import { type NewDelivery, recordDeliveries } from '../../src/db/deliveries.ts';
import type { DeliveryId } from '../../src/events/event.ts';
import { useTestDatabase } from '../support/test-database.ts';

const testDatabase = useTestDatabase();
beforeEach(() => testDatabase.db.query({ text: 'truncate deliveries, delivery_bodies' }));

function make(webhookId: string | null, text: string, changes: Partial<NewDelivery> = {}): NewDelivery {
  const body = Buffer.from(text);
  return {
    id: uuidV7() as DeliveryId,
    account: 'default',
    source: 'webhook',
    webhookId,
    bodySha256: createHash('sha256').update(body).digest(),
    body,
    headers: {},
    receivedAt: new Date('2026-04-11T09:30:00Z'),
    traceId: null,
    isProven: true,
    ...changes,
  };
}

const at = (time: string) => ({ receivedAt: new Date(time) });

test('guarantee 11: the same id with other bytes is another delivery: no single promise of the vendor is trusted', async () => {
  const group = [
    make('w', 'a'),
    make('w', 'a'),
    make('w', 'b'),
    make(null, 'a'),
    make(null, 'a'),
    make('w', 'a', { account: 'other' }),
  ];
  const recorded = await recordDeliveries(testDatabase.db, group);
  expect(recorded.map((one) => one.isRepeat)).toEqual([false, true, false, false, true, false]);
  expect(recorded[1]?.id).toBe(recorded[0]?.id);
  expect(recorded[4]?.id).toBe(recorded[3]?.id);
  const again = await recordDeliveries(testDatabase.db, [make('w', 'b'), make('x', 'b')]);
  expect(again).toMatchObject([{ id: recorded[2]?.id, isRepeat: true }, { isRepeat: false }]);
});

test.each([
  ['a second later, on the same day', '2026-04-11T12:00:00Z', '2026-04-11T12:00:01Z'],
  ['a second later, on the next day', '2026-04-11T23:59:59.500Z', '2026-04-12T00:00:00.500Z'],
  ['almost a day later, on the same day', '2026-04-11T00:00:00Z', '2026-04-11T23:59:59Z'],
  ['an hour later, across midnight', '2026-04-11T23:00:01Z', '2026-04-12T00:00:00Z'],
  ['of the day before, recorded afterwards', '2026-04-12T00:00:00.500Z', '2026-04-11T23:59:59.500Z'],
])('guarantee 11: a repeat is found, %s', async (_, firstAt, againAt) => {
  for (const webhookId of ['w', null]) {
    const first = make(webhookId, 'a', at(firstAt));
    await recordDeliveries(testDatabase.db, [first]);
    const recorded = await recordDeliveries(testDatabase.db, [make(webhookId, 'a', at(againAt))]);
    expect(recorded).toEqual([{ id: first.id, isRepeat: true }]);
  }
});

test('guarantee 11: a repeat is found in its own group, across midnight', async () => {
  const first = make('w', 'a', at('2026-04-11T23:59:59.999Z'));
  const again = make('w', 'a', at('2026-04-12T00:00:00Z'));
  expect(await recordDeliveries(testDatabase.db, [again, first])).toEqual([
    { id: first.id, isRepeat: true },
    { id: first.id, isRepeat: false },
  ]);
});

test('what is told again on another day is stored again, and what comes after that repeats the first', async () => {
  const first = make('w', 'a', at('2026-04-11T12:00:00Z'));
  const again = make('w', 'a', at('2026-04-12T12:00:00Z'));
  await recordDeliveries(testDatabase.db, [first]);
  expect(await recordDeliveries(testDatabase.db, [again])).toEqual([{ id: again.id, isRepeat: false }]);
  const between = await recordDeliveries(testDatabase.db, [make('w', 'a', at('2026-04-12T13:00:00Z'))]);
  expect(between).toEqual([{ id: first.id, isRepeat: true }]);
});

test('of one group, what is told again on another day is stored as well', async () => {
  const days = ['2026-04-11T12:00:00Z', '2026-04-11T13:00:00Z', '2026-04-12T12:00:00Z'];
  const [first, next, last] = days.map((day) => make('w', 'a', at(day)));
  const recorded = await recordDeliveries(
    testDatabase.db,
    [first, next, last].filter((one) => one !== undefined),
  );
  expect(recorded).toEqual([
    { id: first?.id, isRepeat: false },
    { id: first?.id, isRepeat: true },
    { id: last?.id, isRepeat: false },
  ]);
});

test('what a version before this has recorded is found when it is recorded again under its id', async () => {
  const { db } = testDatabase;
  const one = make('w', 'a');
  await recordDeliveries(db, [one]);
  await db.query({ text: 'update deliveries set received_on = null' });
  expect(await recordDeliveries(db, [one])).toEqual([{ id: one.id, isRepeat: true }]);
});
