// Retention of the stored bodies: whole days go once they are old, what somebody still needs stays, and nobody who receives
// or works notices.
import { randomUUID } from 'node:crypto';
import { v7 as uuidV7 } from 'uuid';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import type { Database } from '../../src/db/connect.ts';
import { dropOldBodies, findBodiesCutoff, movedMaxCount } from '../../src/db/drop-bodies.ts';
import { createBodyPartitions } from '../../src/db/partitions.ts';
import { retainBodies } from '../../src/workers/retain-bodies.ts';
import { connectTo } from '../support/connect-to.ts';
import { createTestDatabase } from '../support/database.ts';
import { operatorOf } from '../support/operator.ts';
import { replay } from '../support/operator-replays.ts';
import { silent, startTestService, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

const dayMs = 24 * 60 * 60 * 1000;
const keepMs = 90 * dayMs;
const daysAgo = (days: number) => new Date(Date.now() - days * dayMs);
const old = daysAgo(100);

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let db: Database;
beforeEach(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  db = connectTo(database.url);
  await createBodyPartitions(db, old, 1);
  await createBodyPartitions(db, daysAgo(1), 2);
});
afterEach(async () => {
  await db.close();
  await database.drop();
});

interface Fill {
  readonly at: Date;
  readonly state?: string;
  readonly count?: number;
  readonly source?: string;
}

async function fill({ at, state = 'done', count = 1, source = 'webhook' }: Fill): Promise<void> {
  await db.query({
    text: `
      with made as (
        insert into deliveries (id, account, source, webhook_id, body_sha256, received_at, state, kind)
        select id, 'default', $3, gen_random_uuid()::text, '\\x00', $1, $2,
               case when $2 <> 'received' then 'session_completed' end
        from unnest($4::uuid[]) id returning id, received_at)
      insert into delivery_bodies select id, received_at, '{}', '\\x7b7d' from made`,
    values: [
      at.toISOString(),
      state,
      source,
      Array.from({ length: count }, () => uuidV7({ msecs: at.getTime() })),
    ],
  });
}

const countBodies = async () => {
  const [row] = await db.query<{ count: string }>({ text: 'select count(*) from delivery_bodies' });
  return Number(row?.count);
};
const names = async () => {
  const rows = await db.query<{ name: string }>({
    text: `select relname as name from pg_class where relname ~ '^delivery_bodies' and relkind in ('r') order by 1`,
  });
  return rows.map(({ name }) => name);
};
const nameOf = (at: Date) => `delivery_bodies_${at.toISOString().slice(0, 10).replaceAll('-', '')}`;
const retain = (now = new Date(), keep = keepMs, mayForget = true, isStopping = () => false) =>
  retainBodies({
    db,
    keepMs: keep,
    mayForget: () => mayForget,
    isStopping,
    log: silent,
    now: () => now,
    onDropped: () => {},
  });

test('an old day goes as a whole, and younger ones stay', async () => {
  await fill({ at: old, count: 10 });
  await fill({ at: new Date(), count: 3 });
  await retain(new Date(), 0);
  await retain(new Date(), keepMs, false); // the clocks do not agree
  expect(await countBodies()).toBe(13);
  await retain();
  expect(await countBodies()).toBe(3);
  const left = await names();
  expect(left).not.toContain(nameOf(old));
  expect(left).toContain(nameOf(new Date()));
  expect(left.filter((name) => name.includes('leaving'))).toEqual([]);
  await retain();
  expect(await names()).toEqual(left);
});

test('a stop waits for the day under way and not for all of them', async () => {
  await fill({ at: old, count: 2 });
  await fill({ at: new Date(old.getTime() + dayMs), count: 3 });
  await fill({ at: new Date() });
  let looks = 0;
  await retain(new Date(), keepMs, true, () => {
    looks += 1;
    return looks > 1;
  });
  expect(await countBodies()).toBe(4);
  await retain();
  expect(await countBodies()).toBe(1);
});

test('a day with a delivery that is still owed stays, and goes once it is processed', async () => {
  await fill({ at: old, count: 5 });
  await fill({ at: old, state: 'received' });
  await fill({ at: new Date() });
  expect(await dropOldBodies(db, daysAgo(90))).toMatchObject({
    dropped: [nameOf(new Date(old.getTime() + dayMs))],
    stayed: [{ name: nameOf(old), why: 'owed' }],
  });
  expect(await countBodies()).toBe(7);
  await db.query({ text: `update deliveries set state = 'done' where state = 'received'` });
  await retain();
  expect(await countBodies()).toBe(1);
});

test('bytes of parked deliveries outlive their day, so do owed ones that lie in none, and both go once that is over', async () => {
  await fill({ at: old, count: 5 });
  await fill({ at: old, state: 'parked', count: 2 });
  await fill({ at: new Date() });
  expect(await dropOldBodies(db, daysAgo(90))).toMatchObject({ movedCount: 2, stayed: [], deletedCount: 0 });
  const parked = await db.query({
    text: `select from delivery_bodies b join deliveries d on d.id = b.delivery_id and d.received_at = b.received_at
           where state = 'parked' and body = '\\x7b7d'`,
  });
  expect(parked).toHaveLength(2);
  expect(await countBodies()).toBe(3);
  // What comes from an outage store or an admitted refusal may lie before every day that has a partition.
  await fill({ at: daysAgo(150), state: 'received' });
  await db.query({ text: `update deliveries set state = 'done' where state = 'parked'` });
  expect(await dropOldBodies(db, daysAgo(90))).toMatchObject({ deletedCount: 2 });
  expect(await countBodies()).toBe(2);
  await db.query({ text: `update deliveries set state = 'done' where state = 'received'` });
  await retain();
  expect(await countBodies()).toBe(1);
});

test('a day with more parked deliveries than can be set aside stays', async () => {
  await fill({ at: old, state: 'parked', count: movedMaxCount + 1 });
  expect(await dropOldBodies(db, daysAgo(90))).toMatchObject({
    stayed: [{ name: nameOf(old), why: 'many_parked' }],
  });
  expect(await countBodies()).toBe(movedMaxCount + 1);
});

test('a clock that is years ahead drops nothing, neither ours nor what was pulled by it', async () => {
  await fill({ at: new Date() });
  const inTenYears = daysAgo(-3_650);
  await fill({ at: inTenYears, source: 'pull' });
  await retain(inTenYears);
  expect(await countBodies()).toBe(2);
  expect((await findBodiesCutoff(db, inTenYears, keepMs))?.getTime()).toBeLessThan(daysAgo(89).getTime());
});

test('nothing is dropped where iLive has sent nothing, nor while a replay is running', async () => {
  await fill({ at: old, count: 5, source: 'pull' });
  expect(await findBodiesCutoff(db, new Date(), keepMs)).toBeNull();
  await db.query({
    text: `insert into replays (id, state, filter, created_at, created_by, why, matching)
           values ($1, 'running', '{}', now(), 'a test', 'a test', 5)`,
    values: [randomUUID()],
  });
  const { dropped, stayed } = await dropOldBodies(db, daysAgo(90));
  expect(dropped).toEqual([]);
  expect(stayed.map(({ why }) => why)).toEqual(['replay_running']);
  expect(await countBodies()).toBe(5);
});

test('every day has the settings of autovacuum that the tables have', async () => {
  const bare = await db.query({
    text: `select relname from pg_class
           where (relname ~ '^delivery_bodies_(\\d{8}|default)$' or relname in ('deliveries', 'sessions', 'changes', 'observations'))
             and relkind = 'r' and (reloptions is null or reloptions::text not like '%autovacuum%')`,
  });
  expect(bare).toEqual([]);
});

test('whoever holds the table is not waited for, and what a process left half done is finished by the next', async () => {
  await fill({ at: old, count: 5 });
  await db.transaction(async (tx) => {
    await tx.query({ text: 'select from delivery_bodies limit 1' });
    const beganMs = performance.now();
    const { dropped, stayed } = await dropOldBodies(db, daysAgo(90));
    expect({ dropped, why: stayed[0]?.why }).toEqual({ dropped: [], why: 'in_use' });
    expect(performance.now() - beganMs).toBeLessThan(10_000);
  });
  await db.query({
    text: `alter table delivery_bodies detach partition ${nameOf(old)};
           alter table ${nameOf(old)} rename to delivery_bodies_leaving_20200101;
           create table delivery_bodies_archive_20200101 ()`,
  });
  await dropOldBodies(db, daysAgo(90));
  expect((await names()).filter((name) => /2020/.test(name))).toEqual(['delivery_bodies_archive_20200101']);
});

test('days are dropped under traffic without one request that fails, and a replay says what has no bytes any more', async () => {
  await fill({ at: old, count: 2_000 });
  const service = await startTestService({ databaseUrl: database.url, env: { BODIES_KEEP_DAYS: '0' } });
  try {
    let isOver = false;
    const statuses: number[] = [];
    const senders = Array.from({ length: 4 }, async () => {
      while (!isOver) statuses.push((await service.deliver(verdictPayload())).status);
    });
    const day = (n: number) => new Date(Date.now() - (200 + n) * dayMs);
    for (let n = 0; n < 6; n += 1) await createBodyPartitions(db, day(n), 0);
    const dropped: string[] = [];
    // A day that is in use five times stays until the next turn.
    await until(async () => dropped.push(...(await dropOldBodies(db, daysAgo(90))).dropped) >= 8);
    isOver = true;
    await Promise.all(senders);
    expect(dropped).toHaveLength(8);
    expect(statuses.length).toBeGreaterThan(0);
    expect(new Set(statuses)).toEqual(new Set([202]));
    await service.settled();
    const missing = await db.query({ text: `select from deliveries where reason = 'body_missing'` });
    expect(missing).toEqual([]);
    const [gone] = await db.query<{ id: string }>({ text: 'select id from deliveries order by id limit 1' });
    const shown = await service.get(`/v1/ops/deliveries/${gone?.id}/body?why=test`);
    expect(shown).toMatchObject({ status: 200, body: { body_base64: null } });
    const done = await replay(operatorOf(service.url), { ids: [gone?.id] });
    expect(done).toMatchObject({ replayed: 1, outcomes: { done: 1 } });
    expect(done.detail).toMatch(/^body_missing: 1 of 1/);
  } finally {
    await service.stop();
  }
});
