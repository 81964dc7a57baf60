// Where the vendor names no time, what it tells again with the same bytes is the statement that it was, whenever it comes.
import { randomUUID } from 'node:crypto';
import { v7 as uuidV7 } from 'uuid';
import { expect, test } from 'vitest';
import { resolveAlert } from '../../src/db/alerts.ts';
import { recordDeliveries } from '../../src/db/record-deliveries.ts';
import { recordRefusals } from '../../src/db/refusals.ts';
import type { DeliveryId, SessionId } from '../../src/events/event.ts';
import { admitJudged, judgeByPull } from '../../src/operations/admit-by-pull.ts';
import { describeDelivery } from '../../src/operations/webhook-delivery.ts';
import { describePulled } from '../../src/reconcile/pulled-delivery.ts';
import { startClient } from '../support/fake-ilive-http.ts';
import { refusal } from '../support/kept-refusals.ts';
import { process, replayAll, rulesOf } from '../support/replaying.ts';
import { useTestDatabase } from '../support/test-database.ts';

const testDatabase = useTestDatabase();
const firstSecond = Date.UTC(2026, 3, 11, 9, 30) / 1000;

/** Stores what was signed so many seconds after the first, under an id of its own; gives the delivery's id. */
async function receive(payload: object, second: number): Promise<DeliveryId> {
  const signedAt = firstSecond + second;
  const delivery = describeDelivery({
    id: uuidV7({ msecs: signedAt * 1000 }) as DeliveryId,
    account: 'default',
    headers: { 'x-ilive-webhook-id': randomUUID(), 'x-ilive-timestamp': String(signedAt) },
    body: Buffer.from(JSON.stringify(payload)),
    receivedAt: new Date(signedAt * 1000),
    isProven: true,
  });
  await recordDeliveries(testDatabase.db, [delivery]);
  return delivery.id;
}

async function tell(payload: object, second: number): Promise<string | undefined> {
  const id = await receive(payload, second);
  await process(testDatabase.db, [id]);
  const [row] = await testDatabase.db.query<{ decision: string }>({
    text: 'select decision from deliveries where id = $1',
    values: [id],
  });
  return row?.decision;
}

const orders = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];

const query = (text: string, ...values: unknown[]) => testDatabase.db.query({ text, values });
const told = (name: string) =>
  query(`select type from changes where session_id = $1 or data->>'alert_id' = $1 order by xid, seq`, name);

test.each([5, 86_400])(
  'a resolved alert stays resolved when its bytes are told again %s seconds later',
  async (later) => {
    const { db } = testDatabase;
    const alertId = randomUUID();
    const alert = { event: 'compliance.alert', alert_id: alertId, severity: 'high', details: { list: 'x' } };
    const row = () =>
      query('select to_jsonb(a) as row from compliance_alerts a where alert_id = $1', alertId);
    expect(await tell(alert, 0)).toBe('record');
    const hand = { by: 'officer', note: 'false positive' };
    const key = { alertId, account: 'default', sessionId: null };
    await db.transaction((tx) => resolveAlert(tx, key, hand, () => new Date()));
    const handled = { status: 'resolved', resolved_by: 'officer', resolved_note: 'false positive' };
    expect(await row()).toMatchObject([{ row: handled }]);
    await tell(alert, later);
    expect(await row()).toMatchObject([{ row: handled }]);
    expect(await tell({ ...alert, severity: 'low' }, later + 1)).toBe('record');
    expect(await row()).toMatchObject([{ row: { status: 'open', severity: 'low' } }]);
  },
);

test('guarantee 6: a verdict is settled once, in whatever order its two tellings are processed', async () => {
  for (const isTurned of [false, true]) {
    const session = randomUUID();
    const verdict = { event: 'liveness.verdict', session_id: session, verdict: 'pass' };
    const ids = [await receive(verdict, 0), await receive(verdict, 5)];
    for (const id of isTurned ? ids.toReversed() : ids) await process(testDatabase.db, [id]);
    expect(
      await query('select verdict_at, settled_by, state from sessions where session_id = $1', session),
    ).toEqual([{ verdict_at: '2026-04-11T09:30:00.000000Z', settled_by: ids[0], state: 'settled' }]);
    expect(await query('select from observations where session_id = $1', session)).toHaveLength(2);
    if (!isTurned) expect(await told(session)).toEqual([{ type: 'session_settled' }]);
  }
});

test('guarantee 6: an alert’s row is the same in whatever order its tellings are processed, and a replay leaves it handled', async () => {
  for (const order of orders) {
    const alertId = randomUUID();
    const alert = { event: 'compliance.alert', alert_id: alertId, severity: 'high' };
    const other = { ...alert, severity: 'low' };
    const ids = [await receive(alert, 0), await receive(other, 3), await receive(alert, 5)];
    for (const index of order) await process(testDatabase.db, [ids[index] ?? '']);
    const row = () =>
      query(
        'select severity, occurred_at, delivery_id, status from compliance_alerts where alert_id = $1',
        alertId,
      );
    const stands = { severity: 'high', occurred_at: '2026-04-11T09:30:05.000000Z', delivery_id: ids[2] };
    expect(await row()).toEqual([{ ...stands, status: 'open' }]);
    const key = { alertId, account: 'default', sessionId: null };
    await testDatabase.db.transaction((tx) =>
      resolveAlert(tx, key, { by: 'officer', note: '' }, () => new Date()),
    );
    await replayAll(testDatabase.db, { ids });
    expect(await row()).toEqual([{ ...stands, status: 'resolved' }]);
  }
});

test('guarantee 6: the alert about a dispute is the same in whatever order the tellings are processed, and stays resolved', async () => {
  for (const order of orders) {
    const session = randomUUID();
    const account = 'default';
    const answer = { verdict: 'pass', completed_at: '2026-04-11T09:30:00Z' };
    const pulled = describePulled(
      { sessionId: session as SessionId, account },
      Buffer.from(JSON.stringify(answer)),
      new Date((firstSecond + 1) * 1_000),
    );
    await recordDeliveries(testDatabase.db, [pulled]);
    const verdict = { event: 'liveness.verdict', session_id: session, verdict: 'fail' };
    const ids = [pulled.id, await receive(verdict, 2), await receive(verdict, 3)];
    const alertId = `dispute:${session}`;
    const key = { alertId, account, sessionId: session as SessionId };
    const last = order.at(-1);
    for (const index of order) {
      if (index === last) {
        const hand = { by: 'officer', note: '' };
        await testDatabase.db.transaction((tx) => resolveAlert(tx, key, hand, () => new Date()));
      }
      await process(testDatabase.db, [ids[index] ?? '']);
    }
    expect(
      await query(
        'select occurred_at, delivery_id, status from compliance_alerts where alert_id = $1',
        alertId,
      ),
    ).toEqual([
      {
        occurred_at: '2026-04-11T09:30:03.000000Z',
        delivery_id: ids[2],
        // There is no dispute before both sides are told.
        status: last === 0 ? 'open' : 'resolved',
      },
    ]);
  }
});

test('of an alert whose severity is longer than an index can hold the start is kept', async () => {
  const severity = Array.from({ length: 200 }, () => randomUUID()).join('');
  const alertId = randomUUID();
  expect(await tell({ event: 'compliance.alert', alert_id: alertId, severity, category: severity }, 0)).toBe(
    'record',
  );
  expect(
    await query('select severity, category from compliance_alerts where alert_id = $1', alertId),
  ).toEqual([{ severity: severity.slice(0, 200), category: severity.slice(0, 200) }]);
});

test('guarantee 13: a refusal is admitted by an answer that iLive has gone back to, and that is what stands', async () => {
  const { db } = testDatabase;
  const key = { sessionId: randomUUID() as SessionId, account: 'default' };
  const answerOf = (verdict: string) => ({ status: 'completed', verdict });
  for (const verdict of ['fail', 'pass']) {
    const pulled = describePulled(key, Buffer.from(JSON.stringify(answerOf(verdict))), new Date());
    await recordDeliveries(db, [pulled]);
    await process(db, [pulled.id]);
  }
  const standing = () => query('select state, verdict from sessions where session_id = $1', key.sessionId);
  expect(await standing()).toEqual([{ state: 'settled', verdict: 'pass' }]);
  const body = Buffer.from(
    JSON.stringify({ event: 'liveness.verdict', session_id: key.sessionId, verdict: 'fail' }),
  );
  const kept = refusal('192.0.2.1', 0, { headers: Buffer.from('{}'), body, bodyBytes: body.length });
  await recordRefusals(db, [kept], { maxCount: 1_000, maxBytes: 1_000_000 });
  await using iLive = await startClient([{ json: answerOf('fail') }]);
  const { client } = iLive;
  const deps = { db, ...rulesOf({}), cipher: undefined, client, dialect: 'reference' as const };
  const judged = await judgeByPull(deps, { filter: { ids: [kept.id] }, after: undefined, limit: 10 });
  const admitted = await db.transaction((tx) => admitJudged(tx, judged, { limit: 10, now: new Date() }));
  expect(admitted).toMatchObject({ admitted: 1 });
  await process(db, admitted.deliveryIds);
  expect(await standing()).toEqual([{ state: 'settled', verdict: 'fail' }]);
});
