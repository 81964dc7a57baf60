// What a replay makes of deliveries that can be understood by now, and what it must not stir up while it does.
import { beforeEach, expect, test } from 'vitest';
import type { DeliveryId } from '../../src/events/event.ts';
import { dump } from '../support/all-kinds.ts';
import { process, type Rules, replayAll, store } from '../support/replaying.ts';
import { verdictPayload } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';

const testDatabase = useTestDatabase();

beforeEach(async () => {
  await testDatabase.db.query({
    text: `truncate deliveries, delivery_bodies, replays, sessions, observations, face_matches, compliance_alerts`,
  });
});

const hourMs = 3_600_000;
const learnt: Rules = {
  aliases: { 'verdict.of.tomorrow': 'liveness.verdict', 'match.of.tomorrow': 'face.matched' },
};
const early = '2026-04-11T09:30:00+00:00';
const late = '2026-04-11T09:31:00+00:00';

// Stores and processes, by what was known then.
async function told(payloads: readonly (object | string)[], rules: Rules = {}): Promise<DeliveryId[]> {
  const ids = await store(testDatabase.db, payloads);
  await process(testDatabase.db, ids, rules);
  return ids;
}

function states(): Promise<object[]> {
  return testDatabase.db.query({
    text: 'select state, decision, reason, attempts from deliveries order by id',
  });
}

function schedule(): Promise<object[]> {
  return testDatabase.db.query({
    text: 'select session_id, state, ended_reason, next_pull_at from sessions order by 1',
  });
}

test('matches of one id that are learnt in different batches are all processed, and the latest stands', async () => {
  const match = { event: 'match.of.tomorrow', match_id: 'm-1' };
  await told([
    { ...match, similarity: 0.1, timestamp: early },
    { ...match, similarity: 0.2, timestamp: late },
    { ...match, similarity: 0.1, timestamp: early },
  ]);
  const { outcomes, changes } = await replayAll(testDatabase.db, { ...learnt, batch: 1 });
  expect({ outcomes, changes }).toEqual({
    outcomes: { done: 3 },
    changes: { deliveries: { created: 0, updated: 3 }, face_matches: { created: 1, updated: 1 } },
  });
  expect(await states()).toEqual([
    { state: 'done', decision: 'record', reason: null, attempts: 2 },
    { state: 'done', decision: 'record', reason: null, attempts: 2 },
    { state: 'done', decision: 'repeat', reason: null, attempts: 2 },
  ]);
  expect(await testDatabase.db.query({ text: 'select similarity from face_matches' })).toEqual([
    { similarity: 0.2 },
  ]);
});

test('an old match that is learnt has nobody ask again about a session that has ended', async () => {
  const { db } = testDatabase;
  const receivedAt = new Date(Date.now() - hourMs);
  const payload = { event: 'match.of.tomorrow', match_id: 'm-1', session_id: 's-1', similarity: 0.9 };
  await process(
    db,
    await store(db, [{ event: 'face.matched', session_id: 's-1', similarity: 0.9 }], { receivedAt }),
  );
  await process(db, await store(db, [payload], { receivedAt }));
  await db.query({
    text: `update sessions set state = 'expired', ended_reason = 'never_finished', ended_at = now(), next_pull_at = null`,
  });
  const before = await schedule();
  const { changes } = await replayAll(db, learnt);
  expect(changes).toEqual({
    deliveries: { created: 0, updated: 1 },
    face_matches: { created: 1, updated: 0 },
  });
  expect(await schedule()).toEqual(before);
});

test('guarantee 14: a lost match is made again and its session is not asked about for it, settled or not', async () => {
  const { db } = testDatabase;
  const rules: Rules = { confirm: 'always' };
  const receivedAt = new Date(Date.now() - hourMs);
  const matches = ['open', 'settled'].map((session_id) => ({
    event: 'face.matched',
    session_id,
    similarity: 0.9,
  }));
  const ids = await store(db, [...matches, verdictPayload({ session_id: 'settled' })], { receivedAt });
  await process(db, ids, rules);
  await db.query({ text: 'update sessions set next_pull_at = null' });
  const before = await dump(db);
  await db.query({ text: 'truncate face_matches' });
  expect((await replayAll(db, rules)).changes).toEqual({ face_matches: { created: 2, updated: 0 } });
  const after = await dump(db);
  expect({ ...after, face_matches: [] }).toEqual({ ...before, face_matches: [] });
});

test('a match of a session of which nobody has heard has it expected and asked about', async () => {
  const { db } = testDatabase;
  await told([{ event: 'match.of.tomorrow', session_id: 's-1', similarity: 0.9 }]);
  expect(await schedule()).toEqual([]);
  await replayAll(db, learnt);
  expect(await schedule()).toMatchObject([{ state: 'expected', next_pull_at: expect.any(String) }]);
});

test('an unsigned delivery that is understood by now is asked about once', async () => {
  const { db } = testDatabase;
  const payload = verdictPayload({ event: 'verdict.of.tomorrow', session_id: 's-1' });
  await process(db, await store(db, [payload], { isProven: false }));
  expect(await states()).toMatchObject([{ state: 'parked', reason: 'unproven' }]);
  await replayAll(db, learnt);
  expect(await states()).toMatchObject([{ state: 'done', decision: 'record' }]);
  const [session] = await db.query<{ due: boolean }>({
    text: 'select next_pull_at <= now() as due from sessions',
  });
  expect(session).toEqual({ due: true });
  await db.query({ text: 'update sessions set next_pull_at = null' });
  const before = await dump(db);
  await replayAll(db, learnt);
  expect(await dump(db)).toEqual(before);
});

test('a contradiction stays parked, in whatever order it comes to be again', async () => {
  const { db } = testDatabase;
  const verdict = verdictPayload({ verdict: 'pass' });
  const [first = '', second = ''] = await store(db, [verdict, { ...verdict, verdict: 'fail' }]);
  await process(db, [second]);
  await process(db, [first]);
  await told([{ ...verdict, verdict: 'pass', again: true }]);
  const before = await states();
  expect(before).toMatchObject([{ reason: 'disputed' }, { decision: 'settle' }, { decision: 'repeat' }]);
  await db.query({ text: 'truncate sessions, observations, compliance_alerts' });
  await replayAll(db, { batch: 1 });
  expect(await states()).toEqual(before);
  expect(await db.query({ text: 'select state, verdict from sessions' })).toEqual([
    { state: 'disputed', verdict: 'fail' },
  ]);
  expect(await db.query({ text: 'select category from compliance_alerts' })).toEqual([
    { category: 'verdict_dispute' },
  ]);
});

test('while observations are missing nobody is let in on the kinder one of those that are there', async () => {
  const { db } = testDatabase;
  const verdict = verdictPayload({ verdict: 'pass' });
  const ids = await told([verdict, { ...verdict, verdict: 'fail' }]);
  await db.query({ text: 'truncate observations' });
  await replayAll(db, { ids: ids.slice(0, 1) });
  expect(await db.query({ text: 'select state, verdict from sessions' })).toEqual([
    { state: 'disputed', verdict: 'fail' },
  ]);
  await replayAll(db);
  expect(await db.query({ text: 'select state, verdict from sessions' })).toEqual([
    { state: 'disputed', verdict: 'fail' },
  ]);
  expect(await db.query({ text: 'select verdict from observations order by 1' })).toEqual([
    { verdict: 'fail' },
    { verdict: 'pass' },
  ]);
});

test('what was ignored is processed once it is meant, contradiction or not, and is never parked', async () => {
  const { db } = testDatabase;
  const ignored = ['verdict.of.tomorrow'];
  const verdict = verdictPayload({ verdict: 'pass' });
  await told(
    [
      verdict,
      { ...verdict, event: 'verdict.of.tomorrow', verdict: 'fail' },
      { event: 'verdict.of.tomorrow' },
      verdictPayload({ event: 'verdict.of.tomorrow' }),
    ],
    { ignored },
  );
  const before = await dump(db);
  expect((await replayAll(db)).outcomes).toEqual({ done: 1, ignored: 3 });
  expect(await dump(db)).toEqual(before);
  expect((await replayAll(db, learnt)).outcomes).toEqual({ done: 3, ignored: 1 });
  expect(await states()).toMatchObject([
    { state: 'done', decision: 'settle' },
    { state: 'done', decision: 'dispute', reason: 'disputed' },
    { state: 'ignored', decision: 'ignore' },
    { state: 'done', decision: 'settle' },
  ]);
  const after = await dump(db);
  await replayAll(db, learnt);
  expect(await dump(db)).toEqual(after);
});

test('what is still owed is simply processed', async () => {
  await store(testDatabase.db, [verdictPayload(), 'no JSON']);
  expect((await replayAll(testDatabase.db)).outcomes).toEqual({ done: 1, parked: 1 });
  expect(await states()).toMatchObject([{ decision: 'settle' }, { reason: 'invalid_json' }]);
});
