// The change feed's last word about a face match or an alert is what its row says, whoever changes it beside whom.
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { acknowledgeAlert, resolveAlert } from '../../src/db/alerts.ts';
import type { SessionId } from '../../src/events/event.ts';
import { whileABatchWrites } from '../support/blocked.ts';
import { process, store } from '../support/replaying.ts';
import { verdictPayload } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';

const database = useTestDatabase();

const alertTexts = `
  select a.status as row, (select data->>'status' from changes c where data->>'alert_id' = a.alert_id
                           order by generation desc, xid desc, seq desc limit 1) as told
  from compliance_alerts a where alert_id = $1`;
const hands = [
  ['acknowledges', acknowledgeAlert, 'acknowledged'],
  ['resolves', resolveAlert, 'resolved'],
] as const;

test.each(hands)(
  '22 — an alert that somebody %s while a newer statement comes is told of as its row says',
  async (_, change, status) => {
    const { db } = database;
    const [first, alertId] = [`a-${randomUUID()}`, `b-${randomUUID()}`];
    const say = (alert_id: string, second: number) => ({
      event: 'compliance.alert',
      alert_id,
      severity: 'high',
      timestamp: `2026-04-11T09:30:1${second}.000000+00:00`,
    });
    await process(db, await store(db, [say(first, 1), say(alertId, 1)]));
    const key = { alertId, account: 'default', sessionId: null };
    await whileABatchWrites(
      db,
      [say(first, 2), say(alertId, 2)],
      { table: 'compliance_alerts', id: first },
      () => db.transaction((tx) => change(tx, key, { by: 'somebody', note: 'seen' }, () => new Date())),
    );
    const [said] = await db.query<{ row: string; told: string }>({ text: alertTexts, values: [alertId] });
    expect(said).toEqual({ row: status, told: status });
  },
);

test('22 — an alert about a dispute that somebody resolves while its session is disputed anew is told of as its row says', async () => {
  const { db } = database;
  const [first, sessionId] = [randomUUID(), randomUUID()];
  const say = (session_id: string, verdict: string, second: number) =>
    verdictPayload({ session_id, verdict, timestamp: `2026-04-11T09:30:1${second}.000000+00:00` });
  const contradict = (second: number) => [say(sessionId, 'pass', second), say(sessionId, 'fail', second)];
  await process(db, await store(db, [say(first, 'pass', 1), ...contradict(1)]));
  const alertId = `dispute:${sessionId}`;
  const key = { sessionId: sessionId as SessionId, account: 'default', alertId };
  const payloads = [say(first, 'pass', 2), ...contradict(2)];
  await whileABatchWrites(db, payloads, { table: 'sessions', id: first }, () =>
    db.transaction((tx) => resolveAlert(tx, key, { by: 'somebody', note: 'seen' }, () => new Date())),
  );
  const [said] = await db.query<{ row: string; told: string }>({ text: alertTexts, values: [alertId] });
  expect(said).toEqual({ row: 'resolved', told: 'resolved' });
});

test('22 — of two batches about one face match the one whose statement stands is told of last', async () => {
  const { db } = database;
  const [first, matchId] = [`a-${randomUUID()}`, `b-${randomUUID()}`];
  const say = (match_id: string, second: number) => ({
    event: 'face.matched',
    match_id,
    similarity: second / 10,
    timestamp: `2026-04-11T09:30:1${second}.000000+00:00`,
  });
  await process(db, await store(db, [say(first, 1)]));
  const older = await store(db, [say(matchId, 2)]);
  await whileABatchWrites(db, [say(first, 3), say(matchId, 3)], { table: 'face_matches', id: first }, () =>
    process(db, older),
  );
  const [said] = await db.query({
    text: `select similarity as row, (select data->'similarity' from changes c where data->>'match_id' = f.match_id
             order by generation desc, xid desc, seq desc limit 1) as told
           from face_matches f where match_id = $1`,
    values: [matchId],
  });
  expect(said).toEqual({ row: 0.3, told: 0.3 });
});
