// A batch that is more than the database can do within its time: what of it can be done is done, and a delivery that is too much
// by itself holds nobody up and is parked in the end; but none is parked for a database that is slow for everything.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connect, type Database } from '../../src/db/connect.ts';
import type { FinishedDelivery } from '../../src/db/deliveries.ts';
import { processDeliveries } from '../../src/workers/process-deliveries.ts';
import { rulesOf, store } from '../support/replaying.ts';
import { silent, verdictPayload } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';

const database = useTestDatabase();
let db: Database;

beforeEach(async () => {
  await database.db.query({ text: 'truncate deliveries, delivery_bodies, sessions, observations' });
  db = connectFor(300);
});
afterEach(async () => {
  await db.close();
  await database.db.query({ text: 'drop function if exists slow cascade' });
});

function connectFor(statementTimeoutMs: number): Database {
  return connect({
    url: database.url,
    applicationName: 'test',
    maxConnections: 2,
    connectTimeoutMs: 5_000,
    statementTimeoutMs,
    log: silent,
  });
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

async function process(ids: readonly string[]): Promise<number[]> {
  const batches: number[] = [];
  const onFinished = (finished: readonly FinishedDelivery[]) => void batches.push(finished.length);
  await processDeliveries({ ...rulesOf({}), db, maxAttempts: 3, log: silent, onFinished }, ids);
  return batches;
}

const states = () =>
  database.db.query<{ state: string; attempts: number; count: number }>({
    text: 'select state, attempts, count(*)::int from deliveries group by 1, 2 order by 1, 2',
  });
const slowOne = () => verdictPayload({ reference_id: 'slow' });
const isSlowOne = `new.reference_id = 'slow'`;

test('a batch that takes longer than a statement may is done in halves', async () => {
  await slowDown('perform pg_sleep(0.03)');
  const ids = await store(db, Array.from({ length: 30 }, verdictPayload));
  expect((await process(ids)).length).toBeGreaterThan(1);
  expect(await states()).toEqual([{ state: 'done', attempts: 1, count: 30 }]);
});

test('so is one that the database has not the memory for', async () => {
  const isMany = `(select count(*) from deliveries where xmax <> 0 and xmax::text = pg_current_xact_id()::text) > 4`;
  await slowDown(`raise exception 'out of shared memory' using errcode = '53200'`, isMany);
  const ids = await store(db, Array.from({ length: 16 }, verdictPayload));
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
  const ids = await store(db, Array.from({ length: 30 }, verdictPayload));
  await withSlowReads('0.03', () => process(ids));
  expect(await states()).toEqual([{ state: 'done', attempts: 1, count: 30 }]);
});

test('one whose row cannot be read in time holds up none of the others', async () => {
  const ids = await store(db, Array.from({ length: 8 }, verdictPayload));
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
  const [slow = ''] = await store(db, [slowOne()]);
  const others = await store(db, Array.from({ length: 3 }, verdictPayload));
  await Promise.all([process([slow]), process(others)]);
  expect(await states()).toEqual([
    { state: 'done', attempts: 1, count: 3 },
    { state: 'received', attempts: 1, count: 1 },
  ]);
});

test('several that are too much stand before nobody for ever, and are all parked in the end', async () => {
  await slowDown('perform pg_sleep(60)', isSlowOne);
  const ids = await store(db, [
    ...Array.from({ length: 6 }, slowOne),
    ...Array.from({ length: 4 }, verdictPayload),
  ]);
  await db.close();
  db = connectFor(100);
  const isOver = async () => !(await states()).some(({ state }) => state === 'received');
  for (let call = 0; call < 40 && !(await isOver()); call += 1) {
    const live = await store(db, [verdictPayload()]);
    await Promise.allSettled([process(ids), process(live)]);
  }
  expect((await states()).filter(({ state }) => state === 'parked')).toEqual([
    { state: 'parked', attempts: 3, count: 6 },
  ]);
  expect(await isOver()).toBe(true);
});

test('one that is too much by itself holds nobody up, is tried behind the others, and is parked in the end', async () => {
  await slowDown('perform pg_sleep(60)', isSlowOne);
  const [slow = ''] = await store(db, [slowOne()]);
  const others = await store(db, Array.from({ length: 7 }, verdictPayload));
  await process([slow, ...others]);
  expect(await states()).toEqual([
    { state: 'done', attempts: 1, count: 7 },
    { state: 'received', attempts: 1, count: 1 },
  ]);
  const later = await store(db, Array.from({ length: 3 }, verdictPayload));
  expect(await process([slow, ...later])).toEqual([3]);
  // Nothing went through beside it, and the database may be slow for everything.
  await expect(process([slow])).rejects.toMatchObject({ code: 'unavailable' });
  expect(await process([slow, ...(await store(db, [verdictPayload()]))])).toEqual([1, 1]);
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
  const ids = await store(db, Array.from({ length: 64 }, verdictPayload));
  await db.close();
  db = connectFor(100);
  await expect(process(ids)).rejects.toMatchObject({ code: 'unavailable' });
  expect(await states()).toEqual([{ state: 'received', attempts: 0, count: 64 }]);
});

test('one that another worker has finished meanwhile is not told of as parked', async () => {
  await slowDown(`raise exception 'as ordered'`, isSlowOne);
  const [id = ''] = await store(db, [slowOne()]);
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
