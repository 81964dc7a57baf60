// The change feed tells of a session in the order in which its row changed, whichever of two batches began first: who keeps
// the last that was told keeps what the row says.
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { endSession, endUnaskable } from '../../src/db/end-sessions.ts';
import { registerSession } from '../../src/db/ledger.ts';
import { lockSessions, type SessionKey, sessionKeyText } from '../../src/db/sessions.ts';
import { runReplays } from '../../src/operations/run-replays.ts';
import { beginUntilBlocked, whileABatchWrites } from '../support/blocked.ts';
import { begin, process as processNow, runDependencies, store } from '../support/replaying.ts';
import { verdictPayload } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';

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
  const waiting = await db.transaction(async (tx) => {
    await lockSessions(tx, [{ sessionId: held, account: 'default' } as SessionKey]);
    const begun = await beginUntilBlocked(db, () => processNow(db, later));
    await processNow(db, earlier);
    return begun;
  });
  expect(waiting.isBlocked).toBe(true);
  await waiting.ended;
  const rows = await db.query<{ verdict: string; said: string }>({
    text: `select s.verdict, (select data->>'verdict' from changes c where c.session_id = s.session_id
             order by generation desc, xid desc, seq desc limit 1) as said
           from sessions s where session_id = $1`,
    values: [told],
  });
  expect(rows).toEqual([{ verdict: 'fail', said: 'fail' }]);
});

const keyOf = (sessionId: string) => ({ sessionId, account: 'default' }) as SessionKey;

/** What the session's row says, and what was told of it last. */
async function saidOf(sessionId: string) {
  const [said] = await database.db.query<{ row: string; told: string }>({
    text: `select s.state || coalesce(' ' || s.verdict, '') as row,
             (select concat_ws(' ', data->>'state', data->>'verdict') from changes c where c.session_id = s.session_id
              order by generation desc, xid desc, seq desc limit 1) as told
           from sessions s where session_id = $1`,
    values: [sessionId],
  });
  return said;
}

/** All that was told of the session, in order. */
function toldOf(sessionId: string) {
  return database.db.query<{ type: string; reference: string | null; data: unknown }>({
    text: `select type, reference_id as reference, data from changes where session_id = $1 and type like 'session%'
           order by generation, xid, seq`,
    values: [sessionId],
  });
}

async function register(
  sessionId: string,
  expiresAt: Date,
  referenceId: string | null = null,
): Promise<void> {
  const now = new Date();
  const expected = { referenceId, dialect: 'reference', token: null, expectedAt: now } as const;
  const session = { ...expected, key: keyOf(sessionId), expiresAt, nextPullAt: now };
  await database.db.transaction((tx) => registerSession(tx, session, () => now));
}

/** Begins `work` while a batch settles the session. */
async function whileABatchSettles<T>(sessionId: string, expiresAt: Date, work: () => Promise<T>): Promise<T> {
  const first = randomUUID();
  await register(first, new Date(Date.now() + 600_000));
  await register(sessionId, expiresAt);
  const payloads = [first, sessionId].map((session_id) => verdictPayload({ session_id }));
  return whileABatchWrites(database.db, payloads, { table: 'sessions', id: first }, work);
}

test('22 — a session that a pull ends while a batch settles it is told of as settled last, as its row says', async () => {
  const { db } = database;
  const sessionId = randomUUID();
  const ended = { state: 'expired', reason: 'never_finished' } as const;
  const end = () => endSession(db, { ...keyOf(sessionId), leaseUntil: null }, ended, () => new Date());
  await whileABatchSettles(sessionId, new Date(Date.now() + 600_000), end);
  expect(await saidOf(sessionId)).toEqual({ row: 'settled pass', told: 'settled pass' });
});

test('22 — one that nobody can ask about is left alone while a batch settles it', async () => {
  const { db } = database;
  const sessionId = randomUUID();
  const now = new Date();
  const end = () => endUnaskable(db, { expiredBefore: now, canPull: false, now: () => new Date() });
  expect(await whileABatchSettles(sessionId, new Date(now.getTime() - 1), end)).toEqual([]);
  expect(await saidOf(sessionId)).toEqual({ row: 'settled pass', told: 'settled pass' });
});

test('22 — ending what nobody can ask about and a batch about the same sessions never wait for each other', async () => {
  const { db } = database;
  const [first, second] = [randomUUID(), randomUUID()];
  const past = new Date(Date.now() - 60_000);
  // In the table the second comes before the first, so that the two would take their rows in opposite orders.
  for (const sessionId of [second, first]) await register(sessionId, past);
  const ids = await store(db, [
    verdictPayload({ session_id: first }),
    verdictPayload({ session_id: second }),
  ]);
  const unaskable = { expiredBefore: new Date(), canPull: false, now: () => new Date() };
  const [batch, ending] = await db.transaction(async (tx) => {
    await tx.query({ text: 'select from sessions where session_id = $1 for update', values: [first] });
    return [
      await beginUntilBlocked(db, () => processNow(db, ids)),
      await beginUntilBlocked(db, () => endUnaskable(db, unaskable)),
    ];
  });
  expect(batch.isBlocked).toBe(true);
  await Promise.all([batch.ended, ending.ended]);
  for (const sessionId of [first, second]) {
    expect(await saidOf(sessionId)).toEqual({ row: 'settled pass', told: 'settled pass' });
  }
});

test('22 — a session that a replay settles while a live batch does is told of as its row says', async () => {
  const { db } = database;
  const ids = [randomUUID(), randomUUID()];
  const inLockOrder = await db.query<{ id: string }>({
    text: `select id from unnest($1::text[], $2::text[]) k (key, id) order by hashtextextended(key, 0)`,
    values: [ids.map((id) => sessionKeyText(keyOf(id))), ids],
  });
  const [held = '', told = ''] = inLockOrder.map(({ id }) => id);
  const say = (session_id: string, verdict: string, second: number, event: string) =>
    verdictPayload({ event, session_id, verdict, timestamp: `2026-04-11T09:30:1${second}.000000+00:00` });
  const unknown = 'verdict.of.tomorrow';
  const parked = await store(db, [say(held, 'pass', 1, unknown), say(told, 'fail', 2, unknown)]);
  await processNow(db, parked);
  const live = await store(db, [say(told, 'pass', 1, 'liveness.verdict')]);
  const chosen = { aliases: { [unknown]: 'liveness.verdict' }, ids: parked };
  await begin(db, chosen);
  const replaying = await db.transaction(async (tx) => {
    await lockSessions(tx, [keyOf(held)]);
    const replay = () => runReplays(runDependencies(db, chosen), new AbortController().signal);
    const begun = await beginUntilBlocked(db, replay);
    await processNow(db, live);
    return begun;
  });
  expect(replaying.isBlocked).toBe(true);
  await replaying.ended;
  expect(await saidOf(told)).toEqual({ row: 'settled fail', told: 'settled fail' });
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
  expect(await toldOf(plain)).toEqual([{ type: 'session_settled', reference: 'three', data }]);
  const first = { ...data, settled_by: ids[0], confirmation: 'confirmed' };
  expect(await toldOf(confirmed)).toEqual([
    { type: 'session_settled', reference: 'one', data: first },
    { type: 'session_confirmed', reference: 'one', data: first },
  ]);
  expect(await toldOf(disputed)).toMatchObject([
    { type: 'session_disputed', data: { state: 'disputed', verdict: 'fail', confirmation: 'contradicted' } },
  ]);
});

test('22 — that a session with its verdict is somebody’s is told once, whatever brings it', async () => {
  const { db } = database;
  const [registered, confirmed, turned, disputed] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
  const at = (second: number) => `2026-04-11T09:30:1${second}.000000+00:00`;
  const say = (session_id: string, changes: object = {}) =>
    verdictPayload({ session_id, reference_id: null, timestamp: at(2), ...changes });
  const tell = async (...payloads: object[]) => processNow(db, await store(db, payloads));
  await tell(say(registered), say(confirmed), say(turned), say(disputed), say(disputed, { verdict: 'fail' }));
  const later = new Date(Date.now() + 600_000);
  for (const sessionId of [registered, disputed]) {
    for (const referenceId of ['anna', 'anna', 'ben']) await register(sessionId, later, referenceId);
  }
  await tell(
    { asked: confirmed, verdict: 'pass', completed_at: at(2), reference_id: 'anna' },
    say(turned, { verdict: 'fail', timestamp: at(3), reference_id: 'anna' }),
  );
  const told = async (sessionId: string) =>
    (await toldOf(sessionId)).map(({ type, reference }) => `${type} ${reference}`);
  expect(await told(registered)).toEqual(['session_settled null', 'session_settled anna']);
  expect(await told(disputed)).toEqual(['session_disputed null', 'session_disputed anna']);
  expect(await told(confirmed)).toEqual([
    'session_settled null',
    'session_settled anna',
    'session_confirmed anna',
  ]);
  expect(await told(turned)).toEqual(['session_settled null', 'session_settled anna']);
});
