// A session that somebody asks for while iLive is being asked about it: what that one wanted is not forgotten with the answer.
// And what was answered counts only for whoever has the session still.
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { endSession } from '../../src/db/end-sessions.ts';
import { registerSession, releaseSession, takeDueSessions } from '../../src/db/ledger.ts';
import { countSealed } from '../../src/db/sealed.ts';
import { noteWaiting } from '../../src/db/waits.ts';
import type { SessionId } from '../../src/events/event.ts';
import { endUnasked } from '../../src/reconcile/pull.ts';
import { process, store } from '../support/replaying.ts';
import { verdictPayload } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';

const database = useTestDatabase();
const at = (seconds: number) => new Date(Date.UTC(2026, 3, 11, 9, 30, seconds));
const later = { nextPullAt: at(60), waitedPullAt: at(15), isCounted: true, now: at(10) };
const noMore = { nextPullAt: null, isCounted: true, now: at(10) };

/** Taken at second 0; tells, once it was given back, at which second it is asked about next. */
async function take(sessionId: string) {
  const { db } = database;
  const key = { sessionId: sessionId as SessionId, account: 'default' };
  const register = (nextPullAt: Date, now: Date) => {
    const expected = { key, referenceId: null, dialect: 'reference', token: null, expectedAt: now } as const;
    const session = { ...expected, expiresAt: at(1_800), nextPullAt };
    return db.transaction((tx) => registerSession(tx, session, () => now));
  };
  await register(at(0), at(-20));
  const takeAt = async (second: number) => {
    const due = { now: at(second), leaseMs: 60_000, shortLeaseMs: 30_000, lastChanceMs: 0, limit: 100 };
    const taken = (await takeDueSessions(db, due)).find((row) => row.sessionId === sessionId);
    if (taken === undefined) throw new Error('it is due');
    return taken;
  };
  const session = await takeAt(0);
  const next = async () => {
    const [row] = await db.query<{ next: string | null }>({
      text: 'select next_pull_at as next from sessions where session_id = $1',
      values: [sessionId],
    });
    const text = row?.next ?? null;
    return text === null ? null : (new Date(text).getTime() - at(0).getTime()) / 1000;
  };
  return { db, session, register, next, takeAt };
}

const sayOf = async (sessionId: string) => {
  const [row] = await database.db.query({
    text: `select state, pull_lease_until as "leaseUntil", pull_attempts as attempts from sessions where session_id = $1`,
    values: [sessionId],
  });
  return row;
};

test('nobody came meanwhile: by the schedule', async () => {
  const { db, session, next } = await take('alone');
  await releaseSession(db, session, later);
  expect(await next()).toBe(60);
});

test('somebody came to wait for it: as soon as for one that was waited for before', async () => {
  const { db, session, next } = await take('waited-for');
  const waiting = { ...session, until: at(40), wantsConfirmation: false };
  await noteWaiting(db, [waiting], { now: at(5), gapMs: 5_000 });
  await releaseSession(db, session, later);
  expect(await next()).toBe(15);
});

test('its registration came meanwhile: when that wanted it', async () => {
  const { db, session, register, next } = await take('registered-again');
  await register(at(12), at(5));
  await releaseSession(db, session, later);
  expect(await next()).toBe(12);
});

test('there is nothing more to ask about: no more, whoever waits', async () => {
  const { db, session, next } = await take('known');
  const waiting = { ...session, until: at(40), wantsConfirmation: false };
  await noteWaiting(db, [waiting], { now: at(5), gapMs: 5_000 });
  await releaseSession(db, session, noMore);
  expect(await next()).toBeNull();
});

test('its verdict came meanwhile: no more, whoever waits; but where that is to be confirmed', async () => {
  for (const confirm of ['never', 'always'] as const) {
    const { db, session, next } = await take(`settled-${confirm}`);
    const waiting = { ...session, until: at(40), wantsConfirmation: false };
    await noteWaiting(db, [waiting], { now: at(5), gapMs: 5_000 });
    await process(db, await store(db, [verdictPayload({ session_id: session.sessionId })]), { confirm });
    await releaseSession(db, session, later);
    expect(await next()).toBe(confirm === 'never' ? null : 15);
  }
});

test('without an API key one that is to be confirmed is due no longer than it lives, and then needs its token no more', async () => {
  const { db } = database;
  const key = { sessionId: 'never-asked' as SessionId, account: 'default' };
  const token = Buffer.from('\u0002k1 and the sealed token');
  const expected = { key, referenceId: null, dialect: 'managed', token, expectedAt: at(0) } as const;
  const session = { ...expected, expiresAt: at(1_800), nextPullAt: at(20) };
  await db.transaction((tx) => registerSession(tx, session, () => at(0)));
  await process(db, await store(db, [verdictPayload({ session_id: key.sessionId })]));
  const needed = async () =>
    (await countSealed(db, '')).map(({ what, key: sealedWith }) => [what, sealedWith]);
  expect(await needed()).toEqual([]);
  const waiting = { ...key, until: at(40), wantsConfirmation: true };
  await noteWaiting(db, [waiting], { now: at(30), gapMs: 5_000 });
  await endUnasked({ db, isTimeCertain: () => true, now: () => at(1_800) }, false);
  expect(await needed()).toEqual([['tokens', 'k1']]);
  await endUnasked({ db, isTimeCertain: () => true, now: () => at(1_870) }, false);
  expect(await needed()).toEqual([]);
});

test('there is nothing more to ask about, and something was hinted meanwhile: when that wanted it', async () => {
  const { db, session, next } = await take('hinted');
  await process(db, await store(db, [{ asked: session.sessionId, verdict: 'retry' }]));
  const hint = verdictPayload({ session_id: session.sessionId, verdict: 'pass' });
  await process(db, await store(db, [hint], { isProven: false }));
  await releaseSession(db, session, noMore);
  expect(await next()).not.toBeNull();
});

const noEnd = { state: 'expired', reason: 'never_finished' } as const;

test('guarantee 8: an end that was asked for before something was hinted ends nothing, and the hint has its way', async () => {
  const { db, session, next } = await take('hinted-at-the-end');
  const hint = verdictPayload({ session_id: session.sessionId });
  await process(db, await store(db, [hint], { isProven: false }), { confirm: 'unsigned' });
  const hinted = await next();
  await endSession(db, session, noEnd, () => at(10));
  expect(await sayOf(session.sessionId)).toEqual({ state: 'expected', leaseUntil: null, attempts: 1 });
  expect([hinted, await next()]).toEqual([expect.any(Number), hinted]);
});

test('guarantee 8: what was answered for a token before does not end a session that was registered with another, near its end', async () => {
  const { db, register, takeAt } = await take('registered-again');
  await register(at(1_760), at(1_755));
  const first = await takeAt(1_760);
  await register(at(1_765), at(1_761));
  const second = await takeAt(1_765);
  expect(
    await endSession(db, first, { state: 'unrecoverable', reason: 'token_refused' }, () => at(1_766)),
  ).toBe(false);
  expect(await sayOf(second.sessionId)).toEqual({
    state: 'expected',
    leaseUntil: second.leaseUntil,
    attempts: 1,
  });
});

test('guarantee 7: a verdict that came while the end was asked for is confirmed all the same', async () => {
  const { db, session, next } = await take('settled-at-the-end');
  await process(db, await store(db, [verdictPayload({ session_id: session.sessionId })]), {
    confirm: 'always',
  });
  const wanted = await next();
  await endSession(db, session, noEnd, () => at(10));
  expect([wanted, await next()]).toEqual([expect.any(Number), wanted]);
});

test('guarantee 7: whoever waits for a second source of a verdict that came while the end was asked for has it asked for', async () => {
  const { db, session, next } = await take('waited-for-at-the-end');
  await process(db, await store(db, [verdictPayload({ session_id: session.sessionId })]));
  const waiting = { ...session, until: at(40), wantsConfirmation: true };
  await noteWaiting(db, [waiting], { now: at(5), gapMs: 5_000 });
  await endSession(db, session, noEnd, () => at(10));
  expect(await next()).toBe(5);
});

test('guarantee 7: a hint at another verdict has iLive asked, whether it is processed before what settles the session or after', async () => {
  for (const isHintFirst of [false, true]) {
    const { db, session, next } = await take(`hinted-at-${isHintFirst ? 'first' : 'last'}`);
    await releaseSession(db, session, later);
    const answer = await store(db, [{ asked: session.sessionId, verdict: 'pass' }]);
    const hint = await store(db, [verdictPayload({ session_id: session.sessionId, verdict: 'fail' })], {
      isProven: false,
    });
    const [first, second] = isHintFirst ? [hint, answer] : [answer, hint];
    await process(db, first, { confirm: 'unsigned' });
    await process(db, second, { confirm: 'unsigned' });
    expect(await sayOf(session.sessionId)).toMatchObject({ state: 'settled' });
    expect(await next()).not.toBeNull();
  }
});

test('whoever waits for a second source is not forgotten over what changes nothing about the verdict', async () => {
  const { db, session, next } = await take('face-matched');
  await process(db, await store(db, [verdictPayload({ session_id: session.sessionId })]));
  await releaseSession(db, session, noMore);
  expect(await next()).toBeNull();
  const now = new Date();
  const waiting = { ...session, until: new Date(now.getTime() + 60_000), wantsConfirmation: true };
  await noteWaiting(db, [waiting], { now, gapMs: 5_000 });
  const noted = await next();
  expect(noted).not.toBeNull();
  const face = { event: 'face.matched', match_id: randomUUID(), similarity: 0.9 };
  await process(db, await store(db, [{ ...face, session_id: session.sessionId }]));
  expect(await next()).toBe(noted);
});

test('guarantee 8: an answer about a session that was registered again meanwhile neither ends it nor gives it back', async () => {
  const { db, session, register, takeAt } = await take('registered-anew');
  await register(at(5), at(5));
  await endSession(db, session, { state: 'unrecoverable', reason: 'token_refused' }, () => at(6));
  expect(await sayOf(session.sessionId)).toEqual({ state: 'expected', leaseUntil: null, attempts: 0 });
  const again = await takeAt(6);
  await releaseSession(db, session, later);
  const { leaseUntil } = again;
  expect(await sayOf(session.sessionId)).toEqual({ state: 'expected', leaseUntil, attempts: 1 });
});

test('a worker whose lease ran out changes nothing of what another has taken since', async () => {
  const { db, session, next, takeAt } = await take('taken-again');
  const { leaseUntil } = await takeAt(61);
  await releaseSession(db, session, later);
  await endSession(db, session, { state: 'expired', reason: 'never_finished' }, () => at(62));
  expect(await sayOf(session.sessionId)).toEqual({ state: 'expected', leaseUntil, attempts: 2 });
  expect(await next()).toBe(0);
});

test.each([
  ['long before its end for the whole of it', -600, 120],
  ['shortly before its end up to there', -60, 60],
  ['just before its end for half a minute', -10, 30],
  ['after its end for the whole of it', 5, 120],
])(
  'guarantee 8: a session is taken %s, so that nobody keeps the others from its end',
  async (_, second, seconds) => {
    const { db } = database;
    const key = { sessionId: randomUUID() as SessionId, account: 'default' };
    const [now, expiresAt] = [at(second), at(0)];
    const expected = { key, referenceId: null, dialect: 'reference', token: null, expectedAt: now } as const;
    const session = { ...expected, expiresAt, nextPullAt: now };
    await db.transaction((tx) => registerSession(tx, session, () => now));
    const taken = await takeDueSessions(db, {
      now,
      leaseMs: 120_000,
      shortLeaseMs: 30_000,
      lastChanceMs: 0,
      limit: 100,
    });
    const lease = taken.find((row) => row.sessionId === key.sessionId);
    expect(new Date(lease?.leaseUntil ?? 0)).toEqual(at(second + seconds));
  },
);
