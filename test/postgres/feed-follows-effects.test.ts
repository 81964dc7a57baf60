// The change feed tells of a session in the order in which its row changed, whichever of two batches began first: who keeps
// the last that was told keeps what the row says.
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { lockSessions, type SessionKey, sessionKeyText } from '../../src/db/sessions.ts';
import { process as processNow, store } from '../support/replaying.ts';
import { verdictPayload } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';

const database = useTestDatabase();

test('22 — of two batches about one session, whichever had its effect last is the last in the change feed', async () => {
  const { db } = database;
  const ids = [randomUUID(), randomUUID()].map(
    (sessionId) => ({ sessionId, account: 'default' }) as SessionKey,
  );
  const inLockOrder = await db.query<{ key: string }>({
    text: 'select key from unnest($1::text[]) key order by hashtextextended(key, 0)',
    values: [ids.map(sessionKeyText)],
  });
  const [held, told] = inLockOrder.map(({ key }) => ids.find((id) => sessionKeyText(id) === key)?.sessionId);
  const say = (sessionId: string | undefined, verdict: string, second: number) =>
    verdictPayload({ session_id: sessionId, verdict, timestamp: `2026-04-11T09:30:1${second}.000000+00:00` });
  const [later = [], earlier = []] = [
    await store(db, [say(held, 'pass', 1), say(told, 'fail', 2)]),
    await store(db, [say(told, 'pass', 1)]),
  ];
  let waiting: Promise<void> | undefined;
  await db.transaction(async (tx) => {
    await lockSessions(tx, [{ sessionId: held, account: 'default' } as SessionKey]);
    waiting = processNow(db, later);
    const waitsText = `select from pg_locks where locktype = 'advisory' and not granted`;
    await until(async () => (await db.query({ text: waitsText })).length > 0);
    await processNow(db, earlier);
  });
  await waiting;
  const rows = await db.query<{ verdict: string; said: string }>({
    text: `select s.verdict, (select data->>'verdict' from changes c where c.session_id = s.session_id
             order by generation desc, xid desc, seq desc limit 1) as said
           from sessions s where session_id = $1`,
    values: [told],
  });
  expect(rows).toEqual([{ verdict: 'fail', said: 'fail' }]);
});

test('22 — a session that is confirmed or disputed from the first is told of as such, and as settled before it is confirmed', async () => {
  const { db } = database;
  const [confirmed, disputed, plain] = [randomUUID(), randomUUID(), randomUUID()];
  const at = '2026-04-11T09:30:12.000000+00:00';
  const say = (session_id: string, reference_id: string) =>
    verdictPayload({ session_id, reference_id, verdict: 'pass', timestamp: at });
  const ids = await store(db, [
    say(confirmed, 'one'),
    say(disputed, 'two'),
    say(plain, 'three'),
    { asked: confirmed, verdict: 'pass', completed_at: at },
    { asked: disputed, verdict: 'fail', completed_at: at },
  ]);
  await processNow(db, ids);
  const told = (session: string) =>
    db.query({
      text: `select type, reference_id as reference, data from changes where session_id = $1 and type like 'session%'
             order by generation, xid, seq`,
      values: [session],
    });
  const data = {
    state: 'settled',
    verdict: 'pass',
    verdict_at: '2026-04-11T09:30:12+00:00',
    confirmation: 'unconfirmed',
    confidence: 0.8732,
    settled_by: ids[2],
    settled_source: 'webhook',
    ended_reason: null,
  };
  expect(await told(plain)).toEqual([{ type: 'session_settled', reference: 'three', data }]);
  const first = { ...data, settled_by: ids[0], confirmation: 'confirmed' };
  expect(await told(confirmed)).toEqual([
    { type: 'session_settled', reference: 'one', data: first },
    { type: 'session_confirmed', reference: 'one', data: first },
  ]);
  expect(await told(disputed)).toMatchObject([
    { type: 'session_disputed', data: { state: 'disputed', verdict: 'fail', confirmation: 'contradicted' } },
  ]);
});
