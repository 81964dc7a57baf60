// Whose refusals give way when there are too many: never those of an account that has secrets for one that anybody made up.
import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { networkOf, networkSql } from '../../src/db/refusal-source.ts';
import { type NewRefusal, recordRefusals } from '../../src/db/refusals.ts';
import { insertSecret } from '../../src/db/webhook-secrets.ts';
import { many, refusal } from '../support/kept-refusals.ts';
import { useTestDatabase } from '../support/test-database.ts';

const testDatabase = useTestDatabase();
beforeEach(() => testDatabase.db.query({ text: 'truncate refusals, webhook_secrets' }));

const limits = { maxCount: 100, maxBytes: 100_000 };

const addSecret = (account: string) =>
  testDatabase.db.transaction((tx) => {
    const named = { account, fingerprint: `of ${account}`, name: 'first' };
    return insertSecret(tx, { ...named, origin: 'environment', sealed: null }, new Date());
  });
const countAll = () => countOf('%');
const countOf = async (account: string) => {
  const [row] = await testDatabase.db.query<{ count: number }>({
    text: `select count(*)::int from refusals where account like $1`,
    values: [account],
  });
  return row?.count ?? 0;
};
/** Each under an account of its own, of the address that is made for its number. */
const madeUp = (count: number, bodyBytes: number, addressOf: (index: number) => string): NewRefusal[] =>
  Array.from({ length: count }, (_, index) =>
    refusal(addressOf(index), bodyBytes, { account: `made-up-${randomUUID()}`, reason: 'unknown_account' }),
  );

test('guarantee 13: a flood under made-up accounts pushes out nothing of an account that has secrets', async () => {
  const { db } = testDatabase;
  await addSecret('acme');
  // All that an account can have, in bytes and almost in number, and from one address: the source with the most.
  await recordRefusals(db, many('192.0.2.1', 60, 1_480, { account: 'acme' }), limits);
  for (let turn = 0; turn < 10; turn += 1) {
    await recordRefusals(
      db,
      madeUp(60, 10, () => '198.51.100.9'),
      limits,
    );
    await recordRefusals(
      db,
      madeUp(60, 500, (index) => `198.51.${turn}.${index}`),
      limits,
    );
  }
  expect(await countOf('acme')).toBe(60);
  const total = await countAll();
  expect(total).toBeLessThanOrEqual(limits.maxCount);
  expect(total).toBeGreaterThan(60);
});

test('guarantee 13: an account without secrets keeps what came from its address, beside floods of others from one network', async () => {
  const { db } = testDatabase;
  await addSecret('acme');
  await recordRefusals(db, many('192.0.2.1', 4, 500, { account: 'set-up-soon' }), limits);
  for (let turn = 0; turn < 5; turn += 1) {
    // Against an account that has secrets, and from all of an IPv6 network.
    await recordRefusals(db, many('198.51.100.9', 100, 500, { account: 'acme' }), limits);
    await recordRefusals(
      db,
      madeUp(
        100,
        500,
        (index) => `2001:db8:77:ab${index.toString(16).padStart(2, '0')}::${turn}:${index + 1}`,
      ),
      limits,
    );
  }
  expect(await countOf('set-up-soon')).toBe(4);
  expect(await countOf('acme')).toBeGreaterThan(limits.maxCount * 0.8);
  // Once it has one, they are no longer among those that anybody can make up.
  await addSecret('set-up-soon');
  for (let turn = 0; turn < 5; turn += 1) {
    await recordRefusals(
      db,
      madeUp(100, 500, (index) => `203.0.113.${index}`),
      limits,
    );
  }
  expect(await countOf('set-up-soon')).toBe(4);
});

test('a network is the same in SQL as in memory, and no address fails', async () => {
  const addresses = [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['2001:db8:77:ab12:1:2:3:4', '2001:db8:77:ab'],
    ['2001:db8:77:abff::1', '2001:db8:77:ab'],
    ['2001:db8:77:b::1', '2001:db8:77:00'],
    ['2001:db8:77::1', '2001:db8:77:00'],
    ['2001:db8::1', '2001:db8:0:00'],
    ['fe80::1%eth0', 'fe80:0:0:00'],
    ['::1', ':0:0:00'],
    ['unknown', 'unknown'],
    [':', '::0:00'],
    ['', ''],
  ] as const;
  expect(addresses.map(([address]) => networkOf(address))).toEqual(addresses.map(([, network]) => network));
  const rows = await testDatabase.db.query<{ network: string }>({
    text: `select ${networkSql} as network from unnest($1::text[]) with ordinality as a (address, at) order by at`,
    values: [addresses.map(([address]) => address)],
  });
  expect(rows.map(({ network }) => network)).toEqual(addresses.map(([, network]) => network));
});
