// Who goes on under an Idempotency-Key has claimed it, whatever another request does with it between two statements.
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Queries } from '../../src/db/connect.ts';
import {
  dropIdempotencyKey,
  finishIdempotencyKey,
  recordIdempotencyKey,
} from '../../src/db/idempotency-keys.ts';
import type { SessionId } from '../../src/events/event.ts';
import { keepUp } from '../../src/workers/upkeep.ts';
import { silent } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';

const testDatabase = useTestDatabase();
const request = createHash('sha256').update('{"reference_id":"anna"}').digest();
const now = new Date('2026-11-01T00:00:00Z');

/** The database, with what another request does before and after each claim. */
function beside(before: () => Promise<unknown>, after: () => Promise<unknown>): Queries {
  const { db } = testDatabase;
  return {
    ...db,
    query: async <Row>(statement: Parameters<Queries['query']>[0]) => {
      if (!/^insert/.test(statement.text)) return db.query<Row>(statement);
      await before();
      const rows = await db.query<Row>(statement);
      await after();
      return rows;
    },
  };
}

test('a key that is given back while it is looked at is claimed, and what is made under it is found again', async () => {
  const { db } = testDatabase;
  const id = 'order-1';
  expect(await recordIdempotencyKey(db, id, request, now)).toBeUndefined();
  let isGivenBack = false;
  const giveBack = async () => {
    if (!isGivenBack) await dropIdempotencyKey(db, id);
    isGivenBack = true;
  };
  expect(
    await recordIdempotencyKey(
      beside(async () => {}, giveBack),
      id,
      request,
      now,
    ),
  ).toBeUndefined();
  expect(isGivenBack).toBe(true);
  const made = { sessionId: 'a-session' as SessionId, account: 'default', sessionUrl: null };
  await finishIdempotencyKey(db, id, made);
  expect(await recordIdempotencyKey(db, id, request, now)).toMatchObject(made);
});

test('a key that others have by turns counts as under way', async () => {
  const { db } = testDatabase;
  const id = 'order-2';
  const take = () => recordIdempotencyKey(db, id, request, now);
  const giveBack = () => dropIdempotencyKey(db, id);
  const known = await recordIdempotencyKey(beside(take, giveBack), id, request, now);
  expect(known).toEqual({ requestSha256: request, sessionId: null, account: null, sessionUrl: null });
});

test('a stop waits for one piece of the old ones and not for all of them', async () => {
  const { db } = testDatabase;
  await db.query({
    text: `insert into idempotency_keys (id, request_sha256, created_at)
           select 'old-' || n, '', '2026-01-01' from generate_series(1, 6000) n`,
  });
  const count = async () =>
    (
      await db.query<{ count: number }>({
        text: `select count(*)::int from idempotency_keys where id ~ '^old'`,
      })
    )[0]?.count;
  const upkeep = (isStopping: () => boolean) =>
    keepUp({
      db,
      refusalsKeepMs: 1_000,
      changesKeepMs: 1_000,
      mayForget: () => true,
      isStopping,
      log: silent,
      now: () => now,
    });
  let looks = 0;
  await upkeep(() => {
    looks += 1;
    return looks > 1;
  });
  expect(await count()).toBe(1_000);
  await upkeep(() => false);
  expect(await count()).toBe(0);
});
