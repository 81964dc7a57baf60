// Each hot statement of `deliveries` by itself: what is recorded is what was given, and each of the others sees exactly what
// it is meant to see.
import { createHash } from 'node:crypto';
import { v7 as uuidV7 } from 'uuid';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  countAttempt,
  type FinishedDelivery,
  findOverdueDeliveries,
  finishDeliveries,
  loadOwedDeliveries,
  type NewDelivery,
  pulledSessionHeader,
  takeDeliveries,
} from '../../src/db/deliveries.ts';
import { recordDeliveries } from '../../src/db/record-deliveries.ts';
import type { DeliveryId, SessionId } from '../../src/events/event.ts';
import { useTestDatabase } from '../support/test-database.ts';

const testDatabase = useTestDatabase();
beforeEach(() => testDatabase.db.query({ text: 'truncate deliveries, delivery_bodies' }));

const at = (second: number) => new Date(Date.parse('2026-04-11T09:30:00.123Z') + second * 1_000);
let madeCount = 0;

function delivery(text: string, changes: Partial<NewDelivery> = {}): NewDelivery {
  madeCount += 1;
  const receivedAt = changes.receivedAt ?? at(madeCount);
  const body = Buffer.from(text);
  return {
    id: uuidV7({ msecs: receivedAt.getTime() }) as DeliveryId,
    account: 'default',
    source: 'webhook',
    webhookId: `w-${madeCount}`,
    bodySha256: createHash('sha256').update(body).digest(),
    body,
    headers: {},
    receivedAt,
    traceId: null,
    isProven: true,
    ...changes,
  };
}

const unknown = '01990000-0000-7000-8000-000000000000' as DeliveryId;
const idsOf = (rows: readonly { readonly id: DeliveryId }[]) => rows.map(({ id }) => id);

function finished(id: DeliveryId, changes: Partial<FinishedDelivery> = {}): FinishedDelivery {
  return {
    id,
    state: 'done',
    kind: 'session_completed',
    vendorKind: 'liveness.verdict',
    sessionId: 's-1' as SessionId,
    decision: 'settle',
    reason: null,
    detail: null,
    ...changes,
  };
}

const finish = (now: Date, ...rows: FinishedDelivery[]) =>
  testDatabase.db.transaction((tx) => finishDeliveries(tx, rows, now));

describe('what is recorded', () => {
  test('guarantee 1: is what was given, to the byte, for each of a group', async () => {
    const { db } = testDatabase;
    const group = [
      delivery('{"é":"\u0000 and more"}', { traceId: 'a'.repeat(32), headers: { 'user-agent': 'iLive é' } }),
      delivery('', { account: 'other', source: 'pull', isProven: false }),
      delivery('\\x00 "quoted", {braced}', { webhookId: null, headers: { [pulledSessionHeader]: 's-1' } }),
      delivery('last', { headers: { 'pulled-session-id': 's-2' } }),
    ];
    const recorded = await recordDeliveries(db, group.toReversed());
    expect(recorded).toEqual(group.toReversed().map(({ id }) => ({ id, isRepeat: false })));
    const owed = await loadOwedDeliveries(db, idsOf(group).toReversed(), new Date());
    expect(owed).toEqual(
      group.map(({ webhookId: _, receivedAt, ...rest }) => ({
        ...rest,
        receivedAt: receivedAt.toISOString().replace('Z', '000Z'),
        attempts: 0,
        largeBytes: null,
      })),
    );
    const rows = await db.query<{ webhook_id: string | null }>({
      text: 'select webhook_id from deliveries order by id',
    });
    expect(rows.map((row) => row.webhook_id)).toEqual(group.map(({ webhookId }) => webhookId));
  });

  test('guarantee 11: a repeat is found by id, bytes and account, and stores nothing', async () => {
    const { db } = testDatabase;
    const first = delivery('a', { webhookId: 'w' });
    const unnamed = delivery('a', { webhookId: null });
    await recordDeliveries(db, [first, unnamed]);
    const again = (of: NewDelivery, changes: Partial<NewDelivery> = {}) => ({
      ...of,
      id: delivery('').id,
      ...changes,
    });
    const fresh = [again(first, { account: 'other' }), again(first, { webhookId: 'x' })];
    const repeats = [again(unnamed), again(first), again(first)];
    const recorded = await recordDeliveries(db, [...repeats, ...fresh]);
    expect(recorded).toEqual([
      { id: unnamed.id, isRepeat: true },
      { id: first.id, isRepeat: true },
      { id: first.id, isRepeat: true },
      ...fresh.map(({ id }) => ({ id, isRepeat: false })),
    ]);
    const counted = await db.query<{ deliveries: string; bodies: string }>({
      text: `select (select count(*) from deliveries) as deliveries, (select count(*) from delivery_bodies) as bodies`,
    });
    expect(counted).toEqual([{ deliveries: '4', bodies: '4' }]);
  });

  test('of a group that repeats itself the first received is the one, in whatever order it is given', async () => {
    const first = delivery('a', { webhookId: 'w' });
    const second = { ...first, id: delivery('').id };
    expect(await recordDeliveries(testDatabase.db, [second, first])).toEqual([
      { id: first.id, isRepeat: true },
      { id: first.id, isRepeat: false },
    ]);
  });

  test('groups with the same repeats in opposite orders do not deadlock each other', async () => {
    const { db } = testDatabase;
    for (let round = 0; round < 20; round += 1) {
      const group = Array.from({ length: 30 }, (_, index) =>
        delivery(`${index}`, { webhookId: `r-${round}-${index}` }),
      );
      const again = group.map((each) => ({ ...each, id: delivery('').id })).toReversed();
      const [one, other] = await Promise.all([recordDeliveries(db, group), recordDeliveries(db, again)]);
      const freshCount = [...one, ...other].filter(({ isRepeat }) => !isRepeat).length;
      expect(freshCount).toBe(group.length);
      expect(idsOf(one)).toEqual(idsOf(other).toReversed());
    }
  });

  test('of no delivery is nothing', async () => {
    expect(await recordDeliveries(testDatabase.db, [])).toEqual([]);
  });
});

test('what is owed is loaded in the order of receipt, without what is finished, and says when its bytes are gone', async () => {
  const { db } = testDatabase;
  const [first, second, third] = [delivery('1'), delivery('2'), delivery('3')];
  await recordDeliveries(db, [first, second, third]);
  await finish(at(99), finished(second.id));
  await db.query({ text: 'delete from delivery_bodies where delivery_id = $1', values: [third.id] });
  const owed = await loadOwedDeliveries(db, [third.id, second.id, first.id, unknown], new Date());
  expect(idsOf(owed)).toEqual([first.id, third.id]);
  expect(owed[0]?.body).toEqual(Buffer.from('1'));
  expect(owed[1]).toMatchObject({ body: null, headers: null });
});

test('what is taken is owed, and what another one holds is left to it', async () => {
  const { db } = testDatabase;
  const [first, second, third] = [delivery('1'), delivery('2'), delivery('3')];
  await recordDeliveries(db, [first, second, third]);
  await finish(at(99), finished(second.id));
  await db.transaction(async (tx) => {
    const ids = [third.id, second.id, first.id, unknown];
    expect(await takeDeliveries(tx, ids)).toEqual(new Set([first.id, third.id]));
    await db.transaction(async (other) => {
      expect(await takeDeliveries(other, ids)).toEqual(new Set());
    });
  });
});

test('what is finished says everything that was found out about it, and the others stay as they are', async () => {
  const { db } = testDatabase;
  const [first, second, third] = [delivery('1'), delivery('2'), delivery('3')];
  await recordDeliveries(db, [first, second, third]);
  const parked = finished(second.id, {
    state: 'parked',
    kind: 'unknown',
    vendorKind: null,
    sessionId: null,
    decision: 'park',
    reason: 'invalid_json',
    detail: 'at byte 7',
  });
  await countAttempt(db, { id: second.id, attempts: 0 }, 'once before', at(98));
  await finish(at(99), finished(first.id), parked);
  const rows = await db.query({
    text: `select id, state, kind, vendor_kind as "vendorKind", session_id as "sessionId", decision, reason, detail,
             attempts, finished_at as "finishedAt" from deliveries order by id`,
  });
  const finishedAt = at(99).toISOString().replace('Z', '000Z');
  const untouched = { vendorKind: null, sessionId: null, decision: null, reason: null, detail: null };
  expect(rows).toEqual([
    { ...finished(first.id), attempts: 1, finishedAt },
    { ...parked, attempts: 2, finishedAt },
    { id: third.id, state: 'received', kind: null, ...untouched, attempts: 0, finishedAt: null },
  ]);
});

test('a try that failed is counted with its detail while the delivery is owed, and never afterwards', async () => {
  const { db } = testDatabase;
  const [first, second] = [delivery('1'), delivery('2')];
  await recordDeliveries(db, [first, second]);
  await countAttempt(db, { id: first.id, attempts: 0 }, 'TypeError', at(9));
  expect(await db.query({ text: 'select attempts, detail, state from deliveries order by id' })).toEqual([
    { attempts: 1, detail: 'TypeError', state: 'received' },
    { attempts: 0, detail: null, state: 'received' },
  ]);
  await countAttempt(db, { id: first.id, attempts: 0 }, 'of a try at the same time', at(9));
  await finish(at(99), finished(first.id));
  await countAttempt(db, { id: first.id, attempts: 2 }, 'too late', at(9));
  const [row] = await db.query({ text: 'select attempts, detail from deliveries order by id' });
  expect(row).toEqual({ attempts: 2, detail: null });
});

test('what is overdue is found oldest first, piece by piece, without what is finished or not due yet', async () => {
  const { db } = testDatabase;
  const group = [1, 2, 3, 4, 5].map((second) => delivery(`${second}`, { receivedAt: at(1_000 + second) }));
  const [first, second, third, fourth] = idsOf(group) as [DeliveryId, DeliveryId, DeliveryId, DeliveryId];
  await recordDeliveries(db, group.toReversed());
  await finish(at(99), finished(second));
  const overdue = { before: at(1_005), now: at(1_015) }; // the fifth was received at this very moment
  expect(await findOverdueDeliveries(db, { ...overdue, after: null, limit: 9 })).toEqual([
    first,
    third,
    fourth,
  ]);
  expect(await findOverdueDeliveries(db, { ...overdue, after: null, limit: 2 })).toEqual([first, third]);
  expect(await findOverdueDeliveries(db, { ...overdue, after: third, limit: 9 })).toEqual([fourth]);
});

test('what has failed is due again after 20 s, and then after three times as long each time, however old it is', async () => {
  const { db } = testDatabase;
  const failing = delivery('1', { receivedAt: at(-1_000_000) });
  const { id } = failing;
  await recordDeliveries(db, [failing]);
  const findOverdueBy = (before: Date) =>
    findOverdueDeliveries(db, { before, now: before, after: null, limit: 9 });
  for (const [attempts, seconds] of [20, 60, 180, 540].entries()) {
    await countAttempt(db, { id, attempts }, 'TypeError', at(1_000));
    const [early, due] = [at(1_000 + seconds - 0.001), at(1_000 + seconds)];
    expect(await findOverdueBy(early)).toEqual([]);
    expect(await findOverdueBy(due)).toEqual([id]);
    expect(await loadOwedDeliveries(db, [id], early)).toEqual([]);
    expect(idsOf(await loadOwedDeliveries(db, [id], due))).toEqual([id]);
  }
  await db.query({ text: 'update deliveries set attempts = 32767' });
  expect(idsOf(await loadOwedDeliveries(db, [id], at(100_000)))).toEqual([id]);
  // As versions before this one leave it.
  await db.query({ text: 'update deliveries set attempts = 1, tried_at = null' });
  expect(idsOf(await loadOwedDeliveries(db, [id], at(0)))).toEqual([id]);
});

test('a try that was counted by a clock that was ahead holds nothing back, whenever that clock was put right', async () => {
  const { db } = testDatabase;
  const [failing, fine] = [
    delivery('1', { receivedAt: at(-1_000) }),
    delivery('2', { receivedAt: at(-900) }),
  ];
  await recordDeliveries(db, [failing, fine]);
  await countAttempt(db, { id: failing.id, attempts: 0 }, 'TypeError', at(3_600));
  await countAttempt(db, { id: fine.id, attempts: 0 }, 'TypeError', at(30));
  const [before, now] = [at(-600), at(0)];
  expect(await findOverdueDeliveries(db, { before, now, after: null, limit: 9 })).toEqual([failing.id]);
  expect(idsOf(await loadOwedDeliveries(db, [failing.id, fine.id], now))).toEqual([failing.id]);
});
