// What is refused is kept within its limits, whatever comes, and the fullest source gives first.
import { randomBytes, randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { type Cipher, createCipher } from '../../src/cipher.ts';
import { findRefusal, listRefusals } from '../../src/db/find-refusals.ts';
import { dropOldRefusals, markAdmitted, recordRefusals, takeRefusals } from '../../src/db/refusals.ts';
import type { DeliveryId } from '../../src/events/event.ts';
import { defaultTemplate } from '../../src/ilive/signature.ts';
import { createDiagnoser } from '../../src/operations/diagnose-refusals.ts';
import { createRefusalKeeper } from '../../src/operations/keep-refusals.ts';
import { openRefusal } from '../../src/operations/open-refusal.ts';
import { Secret } from '../../src/secret.ts';
import { beginUntilBlocked } from '../support/blocked.ts';
import { many, refusal } from '../support/kept-refusals.ts';
import { silent } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';

const testDatabase = useTestDatabase();
beforeEach(() => testDatabase.db.query({ text: 'truncate refusals' }));

const limits = { maxCount: 100, maxBytes: 100_000 };
let clock = Date.parse('2026-11-01T00:00:00Z');

async function held() {
  const rows = await testDatabase.db.query<{ address: string; count: string; bytes: string; oldest: string }>(
    {
      text: `select address, count(*), sum(stored_bytes) as bytes, min(id::text) as oldest from refusals group by 1 order by 1`,
    },
  );
  return rows.map(({ address, count, bytes, oldest }) => ({
    address,
    count: Number(count),
    bytes: Number(bytes),
    oldest,
  }));
}

test('guarantee 13: a flood of large ones stays within the bytes and leaves the few of another source alone', async () => {
  const { db } = testDatabase;
  await recordRefusals(db, many('192.0.2.1', 20, 400), limits);
  for (let turn = 0; turn < 12; turn += 1) {
    await recordRefusals(db, many('198.51.100.9', 5, 9_000), limits);
    const total = (await held()).reduce((sum, { bytes }) => sum + bytes, 0);
    expect(total).toBeLessThanOrEqual(limits.maxBytes);
  }
  const [genuine, flood] = await held();
  expect(genuine).toMatchObject({ address: '192.0.2.1', count: 20 });
  expect(flood?.count).toBeGreaterThan(5);
});

test('guarantee 13: a flood of small ones stays within the count, and its oldest go first', async () => {
  const { db } = testDatabase;
  const first = many('192.0.2.1', 60, 10);
  await recordRefusals(db, first, limits);
  const newest = many('192.0.2.1', 70, 10);
  await recordRefusals(db, newest, limits);
  const [source] = await held();
  expect(source?.count).toBeLessThanOrEqual(limits.maxCount);
  expect(source?.count).toBeGreaterThan(limits.maxCount * 0.9);
  const kept = await db.query<{ id: string }>({ text: 'select id from refusals order by id' });
  const expected = [...first, ...newest].map(({ id }) => id).slice(-kept.length);
  expect(kept.map(({ id }) => id)).toEqual(expected);
});

test('what was admitted goes before what is still refused', async () => {
  const { db } = testDatabase;
  const old = many('192.0.2.1', 50, 10);
  await recordRefusals(db, old, limits);
  const young = many('192.0.2.2', 40, 10);
  await recordRefusals(db, young, limits);
  await db.query({
    text: `update refusals set delivery_id = $1, admission = 'signature' where address = '192.0.2.2'`,
    values: [randomUUID()],
  });
  await recordRefusals(db, many('192.0.2.3', 40, 10), limits);
  const counts = Object.fromEntries((await held()).map(({ address, count }) => [address, count]));
  expect(counts).toMatchObject({ '192.0.2.1': 50, '192.0.2.3': 40 });
  expect(counts['192.0.2.2']).toBeLessThan(10);
});

test('guarantee 13: of two receivers that store at once one waits for the other, and both keep within the limits', async () => {
  const { db } = testDatabase;
  // Both have looked whether it is too much, and neither has committed, where they do not wait for each other.
  await db.query({
    text: `create function hold_commit() returns trigger language plpgsql as
             $$ begin perform pg_advisory_xact_lock_shared(1); return null; end $$;
           create constraint trigger hold_commit after insert on refusals deferrable initially deferred
             for each row execute function hold_commit()`,
  });
  const keepers = await db.transaction(async (tx) => {
    await tx.query({ text: 'select pg_advisory_xact_lock(1)' });
    const keep = (address: string) =>
      beginUntilBlocked(db, () => recordRefusals(db, many(address, 60, 100), limits));
    return [await keep('192.0.2.1'), await keep('192.0.2.2')];
  });
  await Promise.all(keepers.map(({ ended }) => ended));
  await db.query({ text: 'drop function hold_commit cascade' });
  expect(keepers.map(({ isBlocked }) => isBlocked)).toEqual([true, true]);
  const total = (await held()).reduce((sum, { count }) => sum + count, 0);
  expect(total).toBeLessThanOrEqual(limits.maxCount);
});

test('guarantee 13: what two operators admit at once is taken by one of them', async () => {
  const { db } = testDatabase;
  const group = many('192.0.2.1', 3, 10);
  const ids = group.map(({ id }) => id);
  await recordRefusals(db, group, limits);
  const other = await db.transaction(async (tx) => {
    expect([...(await takeRefusals(tx, ids.slice(0, 2)))]).toHaveLength(2);
    const begun = await beginUntilBlocked(db, () => db.transaction((theirs) => takeRefusals(theirs, ids)));
    const admitted = ids.slice(0, 2).map((id) => ({ id, deliveryId: randomUUID() as DeliveryId }));
    await markAdmitted(tx, admitted, { admission: 'signature', now: new Date() });
    return begun;
  });
  expect([...(await other.ended)]).toEqual([ids[2]]);
});

test('what is older than its time goes', async () => {
  const { db } = testDatabase;
  const [old, young] = [refusal('192.0.2.1', 10), refusal('192.0.2.1', 10)];
  await recordRefusals(db, [old, young], limits);
  expect(await dropOldRefusals(db, young.receivedAt, 100)).toBe(1);
  expect(await findRefusal(db, old.id)).toBeUndefined();
  expect(await findRefusal(db, young.id)).toBeDefined();
});

const newKey = (id: string) => ({ id, key: new Secret(randomBytes(32).toString('base64')) });
const key = newKey('k1');
const cipher = createCipher([key]);

interface KeeperChanges {
  maxPerSecond?: number;
  bufferBytes?: number;
  maxCount?: number;
  cipher?: Cipher | undefined;
}

function keeper(options: KeeperChanges = {}) {
  let dropped = 0;
  const kept = createRefusalKeeper({
    db: testDatabase.db,
    cipher,
    maxCount: 1_000,
    maxBytes: 10_000_000,
    maxPerSecond: 1_000,
    maxBytesPerSecond: 1_000_000,
    bufferBytes: 1_000_000,
    isKnown: () => true,
    log: silent,
    onDropped: (count) => {
      dropped += count;
    },
    ...options,
  });
  return { ...kept, dropped: () => dropped };
}

const refused = (body: string, at = new Date('2026-11-02T00:00:00Z')) => ({
  account: 'default',
  reason: 'signature_mismatch' as const,
  address: '192.0.2.7',
  receivedAt: at,
  headers: { 'x-ilive-signature': 'sha256=00', 'content-type': 'application/json' },
  body: Buffer.from(body),
});

test('it is sealed where there is a key, opens to the very bytes, and not in another row', async () => {
  const { keep, store } = keeper();
  keep(refused('{"session_id":"a-person"}'));
  keep(refused('{"session_id":"another"}'));
  await store();
  const rows = await testDatabase.db.query<{ id: string; body: Buffer; headers: Buffer }>({
    text: 'select id, body, headers from refusals',
  });
  expect(Buffer.concat(rows.flatMap(({ body, headers }) => [body, headers])).toString('latin1')).not.toMatch(
    /a-person|another|sha256/,
  );
  const [one, two] = await Promise.all(rows.map(({ id }) => findRefusal(testDatabase.db, id)));
  if (one === undefined || two === undefined) throw new Error('two were stored');
  const bodies = [one, two].map((row) => openRefusal(row, cipher)?.body.toString());
  expect(bodies.sort()).toEqual(['{"session_id":"a-person"}', '{"session_id":"another"}']);
  expect(openRefusal(one, cipher)?.headers).toEqual(refused('').headers);
  expect(openRefusal({ ...one, body: two.body }, cipher)).toBeUndefined();
  expect(openRefusal(one, undefined)).toBeUndefined();
});

test('the very same request is one row that counts; in one group and in two', async () => {
  const { keep, store } = keeper();
  for (let time = 0; time < 3; time += 1) keep(refused('same', new Date(clock + time)));
  await store();
  keep(refused('same', new Date(clock + 10)));
  await store();
  const rows = await testDatabase.db.query<{ times: number; last: string }>({
    text: 'select times, last_received_at as last from refusals',
  });
  expect(rows).toHaveLength(1);
  expect(rows[0]).toMatchObject({ times: 4 });
  expect(Date.parse(rows[0]?.last ?? '')).toBe(clock + 10);
});

test('no more is stored at once than the limit says; the rest waits', async () => {
  const { keep, store } = keeper({ maxPerSecond: 10 });
  for (let index = 0; index < 25; index += 1) keep(refused(`body ${index}`));
  const counts: unknown[] = [];
  for (let turn = 0; turn < 3; turn += 1) counts.push(await store());
  expect(counts).toEqual([true, true, false]);
  expect((await held())[0]).toMatchObject({ count: 25 });
});

test('with a limit of none nothing is kept', async () => {
  const { keep, store, dropped } = keeper({ maxCount: 0 });
  keep(refused('body'));
  expect(await store()).toBe(false);
  expect(dropped()).toBe(0);
  expect(await held()).toEqual([]);
});

test('what does not fit into the buffer is counted', () => {
  const { keep, dropped } = keeper({ bufferBytes: 10_000 });
  for (let index = 0; index < 20; index += 1) keep(refused('x'.repeat(1_000)));
  expect(dropped()).toBeGreaterThan(10);
});

test('one that is sealed with a key that is gone keeps no other from its diagnosis, and gets its own once the key is back', async () => {
  const { db } = testDatabase;
  const otherKey = newKey('k2');
  for (const [body, sealing] of [
    ['older', createCipher([otherKey])],
    ['newest', cipher],
  ] as const) {
    const { keep, store } = keeper({ cipher: sealing });
    clock += 1;
    keep(refused(body, new Date(clock)));
    await store();
  }
  const diagnoseWith = async (diagnose: () => Promise<void>) => {
    for (let turn = 0; turn < 4; turn += 1) await diagnose();
    const rows = await listRefusals(db, {}, { after: undefined, isDescending: true, limit: 10 });
    return rows.map(({ diagnosis, diagnosedAt }) => ({
      finding: (diagnosis as { findings: string[] } | null)?.findings[0],
      diagnosedAt,
    }));
  };
  const diagnoser = (has: Cipher | undefined) =>
    createDiagnoser({
      db,
      cipher: has,
      knownSecrets: () => [],
      missingKeysOf: () => [],
      template: defaultTemplate,
      encoding: 'utf8',
      toleranceSeconds: 300,
      now: () => {
        clock += 1;
        return new Date(clock);
      },
    });
  const without = diagnoser(createCipher([otherKey]));
  const told = await diagnoseWith(without);
  expect(told.map(({ finding }) => finding)).toEqual([
    expect.stringMatching(/^it is sealed with a key that ENCRYPTION_KEYS does not list/),
    expect.stringMatching(/^the signature header/),
  ]);
  expect(await diagnoseWith(without)).toEqual(told);
  const putBack = await diagnoseWith(diagnoser(createCipher([otherKey, key])));
  expect(putBack[0]?.finding).toMatch(/^the signature header/);
  expect(putBack[1]).toEqual(told[1]);
});
