// How a worker goes on with replays: one at a time, no faster than the limit, for as long as it holds the lease, and with
// every delivery counted once whatever happens in between. Nothing that it holds can make it and live processing wait
// for each other.
import { beforeEach, expect, test } from 'vitest';
import type { Database } from '../../src/db/connect.ts';
import type { DeliveryFilter } from '../../src/db/find-deliveries.ts';
import { findReplay } from '../../src/db/replays.ts';
import { lockSessions, sessionKeyText } from '../../src/db/sessions.ts';
import type { SessionId } from '../../src/events/event.ts';
import { type RunDependencies, runReplays } from '../../src/operations/run-replays.ts';
import { rehearseReplay } from '../../src/operations/start-replay.ts';
import { beginUntilBlocked } from '../support/blocked.ts';
import {
  begin,
  type Chosen,
  process,
  replayAll,
  rulesOf,
  runDependencies,
  store,
} from '../support/replaying.ts';
import { verdictPayload } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';

const testDatabase = useTestDatabase();
const { signal: never } = new AbortController();

beforeEach(async () => {
  await testDatabase.db.query({
    text: `truncate deliveries, delivery_bodies, replays, sessions, observations, face_matches, compliance_alerts`,
  });
});

async function finish(count: number): Promise<void> {
  const payloads = Array.from({ length: count }, () => verdictPayload());
  await process(testDatabase.db, await store(testDatabase.db, payloads));
}

async function progress(id: string) {
  const row = await findReplay(testDatabase.db, id);
  if (row === undefined) throw new Error('a replay is never removed');
  const { state, replayed, failed, detail } = row;
  return { state, replayed, failed, detail };
}

/** Replays, and gives what each batch held, how long it took, from just before it began to its end, and the rest behind it. */
async function replayTimed(db: Database, chosen: Chosen, changes: Partial<RunDependencies>) {
  const timed = { counts: [] as number[], took: [] as number[], rests: [] as number[] };
  let startedAt = 0;
  const deps = runDependencies(db, chosen, {
    ...changes,
    isPaused: () => {
      startedAt = performance.now(); // asked before each batch
      return false;
    },
    onReplayed: (count) => {
      timed.counts.push(count);
      timed.took.push(performance.now() - startedAt);
    },
    wait: async (ms) => void timed.rests.push(ms),
  });
  await runReplays(deps, never);
  return timed;
}

test('a low limit is kept by small batches and rests of a second', async () => {
  const { db } = testDatabase;
  await finish(5);
  await begin(db);
  const { counts, rests, took } = await replayTimed(db, { batch: 50 }, { maxPerSecond: 2 });
  expect(counts).toEqual([2, 2, 1]);
  for (const [index, rest] of rests.entries()) {
    const [tookMs = 0, count = 0] = [took[index], counts[index]];
    expect(rest).toBeLessThanOrEqual(Math.max(1_000, tookMs + 100));
    expect(rest + tookMs).toBeGreaterThan(count * 500 - 100);
  }
});

test('it rests at least as long as a batch took', async () => {
  const { db } = testDatabase;
  await finish(3);
  await begin(db);
  const { rests, took } = await replayTimed(db, { batch: 1 }, {});
  expect(rests).toHaveLength(3);
  for (const [index, rest] of rests.entries()) expect(rest).toBeGreaterThan((took[index] ?? 0) / 2);
});

test('guarantee 10: a batch of large bodies is replayed in pieces of 16 MiB, and all of it', async () => {
  const { db } = testDatabase;
  const large = Array.from({ length: 3 }, () => verdictPayload({ metadata: 'x'.repeat(7 * 1024 * 1024) }));
  await process(db, await store(db, [...large, ...Array.from({ length: 5 }, () => verdictPayload())]));
  const id = await begin(db);
  const counts: number[] = [];
  const deps = runDependencies(db, { batch: 50 }, { onReplayed: (count) => void counts.push(count) });
  await runReplays(deps, never);
  expect(counts).toEqual([2, 6]);
  expect(await progress(id)).toMatchObject({ state: 'done', replayed: 8, failed: 0 });
});

test('a worker whose lease another has taken over stops, and leaves that lease alone', async () => {
  const { db } = testDatabase;
  await finish(4);
  const id = await begin(db);
  let batches = 0;
  const wait = async () => {
    batches += 1;
    await db.query({ text: `update replays set lease_until = now() + interval '50 seconds'` });
  };
  await runReplays(runDependencies(db, { batch: 1 }, { wait }), never);
  expect(batches).toBe(1);
  expect(await progress(id)).toMatchObject({ state: 'running', replayed: 1 });
  const [lease] = await db.query({
    text: `select lease_until > now() + interval '30 seconds' as kept from replays`,
  });
  expect(lease).toEqual({ kept: true });
});

test('a worker that stops leaves its replay to the next one at once, which counts each delivery once', async () => {
  const { db } = testDatabase;
  await finish(7);
  const id = await begin(db);
  const stopping = new AbortController();
  const stopper = runDependencies(db, { batch: 2 }, { wait: async () => stopping.abort() });
  await runReplays(stopper, stopping.signal);
  expect(await progress(id)).toMatchObject({ state: 'running', replayed: 2 });
  await runReplays(runDependencies(db, { batch: 2 }), never);
  expect(await progress(id)).toMatchObject({ state: 'done', replayed: 7 });
});

test('nothing moves while processing is paused', async () => {
  const { db } = testDatabase;
  await finish(4);
  const id = await begin(db);
  await runReplays(runDependencies(db, {}, { isPaused: () => true }), never);
  expect(await progress(id)).toMatchObject({ state: 'running', replayed: 0 });
  let isPaused = false;
  const wait = async () => {
    isPaused = true;
  };
  await runReplays(runDependencies(db, { batch: 1 }, { isPaused: () => isPaused, wait }), never);
  expect(await progress(id)).toMatchObject({ state: 'running', replayed: 1 });
});

test('a replay that meets with trouble says so and stands in no other one’s way', async () => {
  const { db } = testDatabase;
  await finish(4);
  const broken = await begin(db);
  await db.query({ text: `update replays set filter = '{"ids":["no id"]}'` });
  const other = await begin(db);
  await runReplays(runDependencies(db), never);
  expect(await progress(broken)).toEqual({
    state: 'running',
    replayed: 0,
    failed: 0,
    detail: 'SQLSTATE 22P02',
  });
  expect(await progress(other)).toMatchObject({ state: 'done', replayed: 4 });
});

test('a delivery that breaks leaves its neighbours as right as they are without it', async () => {
  const { db } = testDatabase;
  const payloads = Array.from({ length: 9 }, (_, index) =>
    verdictPayload({ event: 'verdict.of.tomorrow', reference_id: index === 4 ? 'poison' : 'fine' }),
  );
  const ids = await store(db, payloads);
  await process(db, ids);
  await db.query({ text: `alter table sessions add constraint no_poison check (reference_id <> 'poison')` });
  try {
    const row = await replayAll(db, { aliases: { 'verdict.of.tomorrow': 'liveness.verdict' } });
    expect(row).toMatchObject({ state: 'done', replayed: 8, failed: 1 });
    expect(row.detail).toBe(`${ids[4]}: SQLSTATE 23514`);
    expect(row.outcomes).toEqual({ done: 8 });
    expect(row.changes).toEqual({
      deliveries: { created: 0, updated: 8 },
      sessions: { created: 8, updated: 0 },
      observations: { created: 8, updated: 0 },
    });
  } finally {
    await db.query({ text: 'alter table sessions drop constraint no_poison' });
  }
});

const dryRules = { ...rulesOf({}), batchDeliveries: 1, confirmAbove: 100, dryRunMax: 100 };
const rehearse = (db: Database, filter: DeliveryFilter = {}) =>
  db.transaction((tx) => rehearseReplay(tx, dryRules, filter));

test('a dry run holds sessions before it holds any delivery, as a replay does, so that the two never wait for each other', async () => {
  const { db } = testDatabase;
  const [owed] = await store(db, [verdictPayload({ session_id: 's-1' })]);
  for (const work of [() => rehearse(db), () => replayAll(db)]) {
    const begun = await db.transaction(async (tx) => {
      await lockSessions(tx, [{ sessionId: 's-1' as SessionId, account: 'default' }]);
      const waiting = await beginUntilBlocked<unknown>(db, work);
      await tx.query({ text: 'select from deliveries where id = $1 for update nowait', values: [owed] });
      return waiting;
    });
    expect(begun.isBlocked).toBe(true);
    await begun.ended;
  }
  expect(await db.query({ text: 'select state from deliveries' })).toEqual([{ state: 'done' }]);
});

test('a dry run in several batches and live processing never wait for each other about the same alerts', async () => {
  const { db } = testDatabase;
  const say = (alert_id: string, second: number) => ({
    event: 'compliance.alert',
    alert_id,
    severity: 'high',
    timestamp: `2026-04-11T09:30:1${second}.000000+00:00`,
  });
  await process(db, await store(db, [say('a', 1), say('b', 1)]));
  const live = await store(db, [say('a', 2), say('b', 2)]);
  const ids = await store(db, [say('b', 3), say('a', 3)]);
  const [processing, rehearsing] = await db.transaction(async (tx) => {
    await tx.query({ text: `select from compliance_alerts where alert_id = 'a' for update` });
    return [
      await beginUntilBlocked(db, () => process(db, live)),
      await beginUntilBlocked(db, () => rehearse(db, { ids })),
    ];
  });
  expect([processing.isBlocked, rehearsing.isBlocked]).toEqual([true, true]);
  await processing.ended;
  expect(await rehearsing.ended).toMatchObject({ tried: 2, failed: 0, outcomes: { done: 2 } });
});

test('a dry run that cannot have what somebody else holds says so as a conflict', async () => {
  const { db } = testDatabase;
  await finish(1);
  const [{ session_id: sessionId } = { session_id: '' as SessionId }] = await db.query<{
    session_id: SessionId;
  }>({
    text: 'select session_id from sessions',
  });
  await db.transaction(async (tx) => {
    await tx.query({
      text: 'select pg_advisory_xact_lock(hashtextextended($1, 0))',
      values: [sessionKeyText({ sessionId, account: 'default' })],
    });
    await expect(rehearse(db)).rejects.toMatchObject({ code: 'conflict' });
  });
  expect(await rehearse(db)).toMatchObject({ tried: 1, changes: [] });
});
