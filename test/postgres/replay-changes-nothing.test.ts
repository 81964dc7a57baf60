// A replay mends and never takes away: whatever was finished stays as it is, in any order and any batches, and where rows
// were lost it makes just those.
import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { dump } from '../support/all-kinds.ts';
import { process, replayAll, store } from '../support/replaying.ts';
import { verdictPayload } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';

const testDatabase = useTestDatabase();
const effectTables = ['sessions', 'observations', 'face_matches', 'compliance_alerts'];

beforeEach(empty);

async function empty(): Promise<void> {
  await testDatabase.db.query({
    text: `truncate deliveries, delivery_bodies, replays, ${effectTables.join(', ')}`,
  });
}

// Every row of every effect, without the columns that tell when we came round to it and when we mean to ask.
async function effects(): Promise<unknown> {
  const rows = effectTables.map((table) =>
    testDatabase.db.query({
      text: `select to_jsonb(t) - '{settled_at,known_at,next_pull_at}'::text[] as row from ${table} t order by 1`,
    }),
  );
  return Promise.all(rows);
}

const time = fc.integer({ min: 1, max: 3 }).map((second) => `2026-04-11T09:30:0${second}+00:00`);
const session_id = fc.constantFrom('s-1', 's-2', 's-3');
const payload = fc.oneof(
  fc.record({
    event: fc.constantFrom('liveness.verdict', 'liveness.verdict', 'verdict.of.tomorrow'),
    session_id,
    verdict: fc.constantFrom('pass', 'retry', 'fail'),
    reference_id: fc.constantFrom(null, 'u-1', 'u-2'),
    timestamp: time,
  }),
  fc.record({ asked: session_id, verdict: fc.constantFrom('pass', 'retry', 'fail'), completed_at: time }),
  fc.record({
    event: fc.constantFrom('face.matched', 'match.of.tomorrow'),
    session_id,
    match_id: fc.constantFrom('m-1', 'm-2'),
    similarity: fc.constantFrom(0.1, 0.9),
    timestamp: time,
  }),
  fc.record({
    event: fc.constant('compliance.alert'),
    alert_id: fc.constantFrom('a-1', 'a-2'),
    session_id,
    severity: fc.constantFrom('low', 'high'),
    timestamp: time,
  }),
  fc.record({ event: fc.constantFrom('nobody.knows', 'means.nothing') }),
  fc.constant('no JSON'),
);
const rules = { ignored: ['means.nothing'], confirm: 'always' as const };
const learnt = {
  ...rules,
  aliases: { 'verdict.of.tomorrow': 'liveness.verdict', 'match.of.tomorrow': 'face.matched' },
};
const plan = fc.record({
  payloads: fc.array(payload, { minLength: 1, maxLength: 14 }),
  unproven: fc.array(payload, { maxLength: 3 }),
  random: fc.infiniteStream(fc.nat()),
  batch: fc.integer({ min: 1, max: 6 }),
});

test('guarantee 14: a finished delivery leaves no trace, whatever it is and in whatever order it was processed', async () => {
  const { db } = testDatabase;
  await fc.assert(
    fc.asyncProperty(plan, async ({ payloads, unproven, random, batch }) => {
      await empty();
      const ids = [...(await store(db, payloads)), ...(await store(db, unproven, { isProven: false }))];
      const shuffled = ids
        .map((id) => ({ id, order: random.next().value ?? 0 }))
        .sort((a, b) => a.order - b.order);
      for (const { id } of shuffled) await process(db, [id], rules);
      const before = await dump(db);
      const { state, replayed, failed, changes } = await replayAll(db, { ...rules, batch });
      expect({ state, replayed, failed, changes }).toEqual({
        state: 'done',
        replayed: ids.length,
        failed: 0,
        changes: {},
      });
      expect(await dump(db)).toEqual(before);
    }),
    { numRuns: 40 },
  );
});

test('what a kind that is learnt makes, a second replay leaves as it is', async () => {
  const { db } = testDatabase;
  await fc.assert(
    fc.asyncProperty(plan, async ({ payloads, batch }) => {
      await empty();
      await process(db, await store(db, payloads), learnt);
      const expected = await effects();
      await db.query({ text: `truncate ${effectTables.join(', ')}` });
      await db.query({ text: `update deliveries set state = 'received', attempts = 0` });
      for (const row of await db.query<{ id: string }>({ text: 'select id from deliveries order by id' })) {
        await process(db, [row.id], rules);
      }
      expect(await db.query({ text: `select from deliveries where state = 'received'` })).toEqual([]);
      await replayAll(db, { ...learnt, batch });
      expect(await effects()).toEqual(expected);
      const left = await db.query({
        text: `select from deliveries where vendor_kind like '%.of.tomorrow' and reason = 'unknown_kind'`,
      });
      expect(left).toEqual([]);
      const before = await dump(db);
      await replayAll(db, { ...learnt, batch });
      expect(await dump(db)).toEqual(before);
    }),
    { numRuns: 30 },
  );
});

test('rows that were lost are made again, and those that were not are left', async () => {
  const { db } = testDatabase;
  const losing = fc.record({
    all: plan,
    lost: fc.subarray(effectTables, { minLength: 1 }),
  });
  await fc.assert(
    fc.asyncProperty(losing, async ({ all: { payloads, random, batch }, lost }) => {
      await empty();
      const shuffled = (await store(db, payloads))
        .map((id) => ({ id, order: random.next().value ?? 0 }))
        .sort((a, b) => a.order - b.order);
      for (const { id } of shuffled) await process(db, [id], rules);
      const before = await dump(db);
      const expected = await effects();
      for (const table of lost) await db.query({ text: `delete from ${table}` });
      const row = await replayAll(db, { ...rules, batch });
      expect(row).toMatchObject({ replayed: payloads.length, failed: 0 });
      expect(await effects()).toEqual(expected);
      const after = await dump(db);
      const kept = ['deliveries', ...effectTables].filter((table) => !lost.includes(table));
      // A session whose observations come back one by one may be settled anew, at another time.
      const alike = lost.includes('observations') ? kept.filter((table) => table !== 'sessions') : kept;
      for (const table of alike) expect({ [table]: after[table] }).toEqual({ [table]: before[table] });
    }),
    { numRuns: 50 },
  );
});

test('a parked delivery whose bytes were dropped keeps its reason', async () => {
  const { db } = testDatabase;
  const verdict = verdictPayload();
  await process(
    db,
    await store(db, [verdict, { ...verdict, verdict: 'fail' }, { event: 'nobody.knows' }, 'no JSON']),
  );
  await db.query({ text: 'truncate delivery_bodies' });
  const before = await dump(db);
  expect((await replayAll(db)).outcomes).toEqual({ done: 1, parked: 3 });
  expect(await dump(db)).toEqual(before);
});

test('what was done as one kind is not done again as another', async () => {
  const { db } = testDatabase;
  const match = { event: 'face.seen', match_id: 'm-1', alert_id: 'a-1', similarity: 0.9 };
  await process(db, await store(db, [match]), { aliases: { 'face.seen': 'face.matched' } });
  const before = await dump(db);
  await replayAll(db, { aliases: { 'face.seen': 'compliance.alert' } });
  await replayAll(db, { ignored: ['face.seen'] });
  expect(await dump(db)).toEqual(before);
});
