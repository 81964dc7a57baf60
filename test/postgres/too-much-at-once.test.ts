// A batch that is more than the database can do within its time: what of it can be done is done, and a delivery that is too much
// by itself holds nobody up and is parked in the end; but none is parked for a database that is slow for everything.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Database } from '../../src/db/connect.ts';
import type { FinishedDelivery } from '../../src/db/deliveries.ts';
import { processDeliveries } from '../../src/workers/process-deliveries.ts';
import { connectTo } from '../support/connect-to.ts';
import { rulesOf, store } from '../support/replaying.ts';
import { silent, verdictPayload } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';

const database = useTestDatabase();
let db: Database;

beforeEach(async () => {
  await database.db.query({ text: 'truncate deliveries, delivery_bodies, sessions, observations' });
  db = connectFor(10_000);
});
afterEach(async () => {
  await db.close();
  await database.db.query({ text: 'drop function if exists slow cascade' });
});

const connectFor = (statementTimeoutMs: number) =>
  connectTo(database.url, { maxConnections: 4, statementTimeoutMs });

/** For each statement, from now on. */
async function giveTime(ms: number): Promise<void> {
  await db.close();
  db = connectFor(ms);
}

/** What a new session `does` to whoever writes it; only to those of `which`, where that is given. */
async function slowDown(does: string, which = 'true'): Promise<void> {
  await database.db.query({
    text: `create function slow() returns trigger language plpgsql as
           $$ begin if ${which} then ${does}; end if; return new; end $$`,
  });
  await database.db.query({
    text: 'create trigger slow before insert on sessions for each row execute function slow()',
  });
}

/** `laterMs`: what has failed is due again when it is older. */
async function process(ids: readonly string[], laterMs = 0): Promise<number[]> {
  const batches: number[] = [];
  const onFinished = (finished: readonly FinishedDelivery[]) => void batches.push(finished.length);
  const now = () => new Date(Date.now() + laterMs);
  await processDeliveries({ ...rulesOf({}), db, maxAttempts: 3, log: silent, now, onFinished }, ids);
  return batches;
}
const hourMs = 3_600_000;

/** While the calls go on, others go through; answers how the calls ended. */
async function beside(...calls: readonly Promise<unknown>[]) {
  let isOver = false;
  const ended = Promise.allSettled(calls).finally(() => {
    isOver = true;
  });
  while (!isOver) await process(await store(database.db, [verdictPayload()])).catch(() => {});
  return (await ended).map(({ status }) => status);
}

const states = () =>
  database.db.query<{ state: string; attempts: number; count: number }>({
    text: 'select state, attempts, count(*)::int from deliveries group by 1, 2 order by 1, 2',
  });
/** Of `ids` alone: what goes through beside them may be slow once, and is then left. */
const owed = (ids: readonly string[]) =>
  database.db.query<{ state: string; attempts: number; count: number }>({
    text: `select state, attempts, count(*)::int from deliveries
           where state = 'received' and id = any($1::uuid[]) group by 1, 2 order by 1, 2`,
    values: [ids],
  });
const slowOne = () => verdictPayload({ reference_id: 'slow' });
const isSlowOne = `new.reference_id = 'slow'`;

test('a batch that takes longer than a statement may is done in halves', async () => {
  await slowDown('perform pg_sleep(0.03)');
  await giveTime(300);
  const ids = await store(database.db, Array.from({ length: 30 }, verdictPayload));
  expect((await process(ids)).length).toBeGreaterThan(1);
  expect(await states()).toEqual([{ state: 'done', attempts: 1, count: 30 }]);
});

test('so is one that the database has not the memory for', async () => {
  const isMany = `(select count(*) from deliveries where xmax <> 0 and xmax::text = pg_current_xact_id()::text) > 4`;
  await slowDown(`raise exception 'out of shared memory' using errcode = '53200'`, isMany);
  const ids = await store(database.db, Array.from({ length: 16 }, verdictPayload));
  expect(await process(ids)).toEqual([4, 4, 4, 4]);
});

/** Whoever reads deliveries meanwhile waits for `seconds` for each, given the id. */
async function withSlowReads(seconds: string, work: () => Promise<unknown>): Promise<void> {
  await database.db.query({
    text: `
      create function slow(id uuid) returns bool language plpgsql volatile cost 100000 as
        $$ begin perform pg_sleep(${seconds}); return true; end $$;
      alter table deliveries rename to all_deliveries;
      create view deliveries as select * from all_deliveries where slow(id)`,
  });
  try {
    await work();
  } finally {
    await database.db.query({
      text: 'drop view deliveries; alter table all_deliveries rename to deliveries',
    });
  }
}

test('so is one of which the bytes cannot be loaded at once', async () => {
  const ids = await store(database.db, Array.from({ length: 30 }, verdictPayload));
  await giveTime(300);
  await withSlowReads('0.03', () => process(ids));
  expect(await states()).toEqual([{ state: 'done', attempts: 1, count: 30 }]);
});

test('one whose row cannot be read in time holds up none of the others', async () => {
  const ids = await store(database.db, Array.from({ length: 8 }, verdictPayload));
  await giveTime(1_000);
  await withSlowReads(`case when id = '${ids[3]}' then 60 else 0 end`, () =>
    expect(process(ids)).rejects.toMatchObject({ code: 'unavailable' }),
  );
  expect(await states()).toEqual([
    { state: 'done', attempts: 1, count: 7 },
    { state: 'received', attempts: 0, count: 1 },
  ]);
});

test('what goes through in another batch meanwhile counts against one that does not', async () => {
  await slowDown('perform pg_sleep(60)', isSlowOne);
  const [slow = ''] = await store(database.db, [slowOne()]);
  await giveTime(1_000);
  expect(await beside(process([slow]))).toEqual(['fulfilled']);
  expect(await owed([slow])).toEqual([{ state: 'received', attempts: 1, count: 1 }]);
});

test('tries at the same time count once, and a call ends after five of those that are too much', async () => {
  await slowDown('perform pg_sleep(60)', isSlowOne);
  const ids = await store(database.db, Array.from({ length: 9 }, slowOne));
  const [one = ''] = ids;
  await giveTime(1_000);
  expect(await beside(process([one]), process([one]))).toEqual(['fulfilled', 'fulfilled']);
  const once = { state: 'received', attempts: 1, count: 1 };
  const never = { state: 'received', attempts: 0, count: 8 };
  expect(await owed(ids)).toEqual([never, once]);
  expect(await beside(process(ids))).toEqual(['rejected']);
  expect(await owed(ids)).toEqual([
    { ...never, count: 3 },
    { ...once, count: 6 },
  ]);
});

test('several that are too much stand before nobody for ever, and are all parked in the end', async () => {
  await slowDown('perform pg_sleep(60)', isSlowOne);
  const ids = await store(database.db, [
    ...Array.from({ length: 6 }, slowOne),
    ...Array.from({ length: 4 }, verdictPayload),
  ]);
  await giveTime(100);
  const isOver = async () => (await owed(ids)).length === 0;
  for (let call = 0; call < 40 && !(await isOver()); call += 1) await beside(process(ids, call * hourMs));
  expect((await states()).filter(({ state }) => state === 'parked')).toEqual([
    { state: 'parked', attempts: 3, count: 6 },
  ]);
  expect(await isOver()).toBe(true);
});

test('one that is too much by itself holds nobody up, is tried behind the others, and is parked in the end', async () => {
  await slowDown('perform pg_sleep(60)', isSlowOne);
  const [slow = ''] = await store(database.db, [slowOne()]);
  const others = await store(database.db, Array.from({ length: 7 }, verdictPayload));
  await giveTime(1_000);
  await process([slow, ...others]);
  expect(await states()).toEqual([
    { state: 'done', attempts: 1, count: 7 },
    { state: 'received', attempts: 1, count: 1 },
  ]);
  // It is not due, and nobody waits for it.
  await process([slow]);
  const later = await store(database.db, Array.from({ length: 3 }, verdictPayload));
  expect(await process([slow, ...later], hourMs)).toEqual([3]);
  // Nothing went through beside it, and the database may be slow for everything.
  await expect(process([slow], 2 * hourMs)).rejects.toMatchObject({ code: 'unavailable' });
  expect(await process([slow, ...(await store(database.db, [verdictPayload()]))], 3 * hourMs)).toEqual([
    1, 1,
  ]);
  const [row] = await database.db.query({
    text: `select state, attempts, reason, detail from deliveries where id = $1`,
    values: [slow],
  });
  expect(row).toEqual({
    state: 'parked',
    attempts: 3,
    reason: 'attempts_spent',
    detail: 'SQLSTATE 57014, tried by itself',
  });
});

test('a database that is slow for everything costs no attempt, and is not asked for each by itself', async () => {
  await slowDown('perform pg_sleep(60)');
  const ids = await store(database.db, Array.from({ length: 64 }, verdictPayload));
  await giveTime(100);
  await expect(process(ids)).rejects.toMatchObject({ code: 'unavailable' });
  expect(await states()).toEqual([{ state: 'received', attempts: 0, count: 64 }]);
});

test('a large delivery that the database refuses is parked as what it is', async () => {
  await slowDown(`raise exception 'as ordered' using errcode = '23514'`);
  await process(await store(database.db, [verdictPayload({ metadata: { note: 'x'.repeat(20_000) } })]));
  const text = 'select state, reason, kind, vendor_kind from deliveries';
  expect(await database.db.query({ text })).toEqual([
    {
      state: 'parked',
      reason: 'rejected_by_database',
      kind: 'session_completed',
      vendor_kind: 'liveness.verdict',
    },
  ]);
});

test('one that another worker has finished meanwhile is not told of as parked', async () => {
  await slowDown(`raise exception 'as ordered'`, isSlowOne);
  const [id = ''] = await store(database.db, [slowOne()]);
  const finished: FinishedDelivery[] = [];
  const log = {
    ...silent,
    error: () => {
      isFailed = true;
    },
  };
  let isFailed = false;
  // The other worker comes between the try that failed and the parking.
  const raced: Database = {
    ...db,
    transaction: async (work) => {
      if (isFailed)
        await database.db.query({ text: `update deliveries set state = 'done' where id = $1`, values: [id] });
      return db.transaction(work);
    },
  };
  const deps = { ...rulesOf({}), db: raced, maxAttempts: 1, log };
  await processDeliveries({ ...deps, onFinished: (some) => void finished.push(...some) }, [id]);
  expect(isFailed).toBe(true);
  expect(finished).toEqual([]);
});
