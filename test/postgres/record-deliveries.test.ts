// What makes a delivery the same delivery.
import { createHash } from 'node:crypto';
import { v7 as uuidV7 } from 'uuid';
import { beforeEach, expect, test } from 'vitest';
import type { Queries } from '../../src/db/connect.ts';
import type { NewDelivery } from '../../src/db/deliveries.ts';
import { createRecorder, recordDeliveries } from '../../src/db/record-deliveries.ts';
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
  ['at noon', '2026-04-11T12:00:00Z', '2026-04-11T12:00:01Z'],
  ['near midnight', '2026-04-11T23:30:00Z', '2026-04-11T23:30:01Z'],
  ['across midnight', '2026-04-11T23:30:00Z', '2026-04-12T00:10:00Z'],
  ['across midnight, recorded afterwards', '2026-04-12T00:10:00Z', '2026-04-11T23:30:00Z'],
])(
  'guarantee 11: what differs in bytes, account or id alone is no repeat, %s',
  async (_, firstAt, nextAt) => {
    await recordDeliveries(testDatabase.db, [make('w', 'a', at(firstAt))]);
    const others = [
      make('w', 'b', at(nextAt)),
      make('w', 'a', { account: 'other', ...at(nextAt) }),
      make('x', 'a', at(nextAt)),
      make(null, 'a', at(nextAt)),
    ];
    const recorded = await recordDeliveries(testDatabase.db, others);
    expect(recorded).toEqual(others.map(({ id }) => ({ id, isRepeat: false })));
  },
);

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

const many = (from: number, to: number, changes: Partial<NewDelivery> = {}) =>
  Array.from({ length: to - from }, (_, n) => make(`w-${from + n}`, `${from + n}`, changes));

/** What it records goes to the database; `names` are those of its statements so far. */
function watchRecorder(clock = { ms: Date.parse('2026-04-11T09:30:00Z') }) {
  const names: string[] = [];
  const db: Queries = {
    orm: testDatabase.db.orm,
    query: (statement) => {
      names.push(statement.name ?? '');
      return testDatabase.db.query(statement);
    },
  };
  return { record: createRecorder(db, () => new Date(clock.ms)), names, clock };
}

const storedRows = () =>
  testDatabase.db.query<{ id: string; webhookId: string; text: string }>({
    text: `select d.id, d.webhook_id as "webhookId", convert_from(b.body, 'UTF8') as text
           from deliveries d join delivery_bodies b on b.delivery_id = d.id and b.received_at = d.received_at order by convert_from(b.body, 'UTF8')::int`,
  });

test('guarantee 1: a large group without a repeat is stored by one statement, with its bytes', async () => {
  const { record, names } = watchRecorder();
  // The places of the others are counted in more than 16 bits.
  const large = make('w-0', '0'.padStart(70_000, '0'));
  const group = [large, ...many(1, 8)];
  expect(await record(group)).toEqual(group.map(({ id }) => ({ id, isRepeat: false })));
  expect(names).toEqual(['insert-fresh-deliveries']);
  expect(await storedRows()).toEqual(
    group.map(({ id, webhookId, body }) => ({ id, webhookId, text: body.toString() })),
  );
});

test('guarantee 11: of a large group with repeats the others are stored, and for a minute groups are asked about first', async () => {
  const { record, names, clock } = watchRecorder();
  const first = many(0, 16);
  await record(first);
  const again = [...many(16, 32), ...many(15, 16)];
  const recorded = await record(again);
  expect(recorded.slice(0, 16)).toEqual(again.slice(0, 16).map(({ id }) => ({ id, isRepeat: false })));
  expect(recorded.at(-1)).toEqual({ id: first.at(-1)?.id, isRepeat: true });
  expect((await storedRows()).map(({ text }) => Number(text))).toEqual([...Array(32).keys()]);
  names.length = 0;
  await record(many(32, 48));
  clock.ms += 60_000;
  await record(many(48, 64));
  expect(names).toEqual(['record-deliveries', 'insert-fresh-deliveries']);
});

test.each([
  ['is small', many(0, 7)],
  ['repeats itself', [...many(0, 16), ...many(0, 1)]],
  ['came near midnight', many(0, 16, at('2026-04-11T23:30:00Z'))],
])('a group that %s is asked about first', async (_, group) => {
  const { record, names } = watchRecorder();
  await record(group);
  expect(names[0]).toMatch(/^record-deliveries/);
});

test('guarantee 11: of what two receivers record at once each is stored once, and each of them is told', async () => {
  const [one, other] = [watchRecorder(), watchRecorder()];
  const [mine, theirs] = [many(0, 40), many(20, 60)];
  const [told, toldThem] = await Promise.all([one.record(mine), other.record(theirs)]);
  const idOf = new Map((await storedRows()).map(({ webhookId, id }) => [webhookId, id]));
  expect(idOf.size).toBe(60);
  expect(told.map(({ id }) => id)).toEqual(mine.map(({ webhookId }) => idOf.get(webhookId ?? '')));
  expect(toldThem.map(({ id }) => id)).toEqual(theirs.map(({ webhookId }) => idOf.get(webhookId ?? '')));
  expect([...told, ...toldThem].filter(({ isRepeat }) => isRepeat)).toHaveLength(20);
});

test('what keeps a large group from being stored is told', async () => {
  const { record, names } = watchRecorder();
  const [spoilt, ...others] = many(0, 16);
  if (spoilt === undefined) throw new Error('there are sixteen');
  await expect(record([{ ...spoilt, webhookId: 'a\0' }, ...others])).rejects.toMatchObject({ code: '22021' });
  expect(names).toEqual(['insert-fresh-deliveries']);
  expect(await storedRows()).toEqual([]);
});
