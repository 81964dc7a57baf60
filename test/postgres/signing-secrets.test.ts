// The ring of signing secrets against the database: what it knows of their matches reaches their rows, whatever is in the way.
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createCipher } from '../../src/cipher.ts';
import { insertSecret } from '../../src/db/webhook-secrets.ts';
import { beginRotation, finishRotation } from '../../src/operations/rotate-secrets.ts';
import { createSecretRing, fingerprintOf, secretContext } from '../../src/operations/signing-secrets.ts';
import { Secret } from '../../src/secret.ts';
import { silent } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';

const testDatabase = useTestDatabase();
const account = 'default';

test('a match that cannot be written down is written down by the next turn, and the latest of both stands', async () => {
  const { db } = testDatabase;
  const secrets = ['whsec_one', 'whsec_two'].map((text) => new Secret(text));
  const ring = createSecretRing({
    db,
    environment: [{ account, secrets }],
    encoding: 'utf8',
    cipher: undefined,
    now: () => new Date('2026-11-01T00:00:00Z'),
    log: silent,
  });
  await ring.refresh();
  const matchedAt = async () => {
    const rows = new Map((await ring.list()).map((row) => [row.fingerprint, row.lastMatchedAt]));
    return ring.secretsOf(account).map(({ fingerprint }) => rows.get(fingerprint));
  };
  ring.noteMatch(account, 0, new Date('2026-11-01T10:00:00Z'));
  ring.noteMatch(account, 1, new Date('2026-11-01T10:00:00Z'));
  await db.query({
    text: `create function refuse() returns trigger language plpgsql as $$ begin raise 'no room'; end $$`,
  });
  await db.query({
    text: `create trigger refuse before update on webhook_secrets for each statement execute function refuse()`,
  });
  await expect(ring.refresh()).rejects.toThrow();
  await db.query({ text: 'drop trigger refuse on webhook_secrets' });
  expect(await matchedAt()).toEqual([null, null]);
  ring.noteMatch(account, 0, new Date('2026-11-01T09:00:00Z'));
  ring.noteMatch(account, 1, new Date('2026-11-01T11:00:00Z'));
  await ring.refresh();
  expect(await matchedAt()).toEqual(['2026-11-01T10:00:00.000000Z', '2026-11-01T11:00:00.000000Z']);
});

test('a secret that makes no key in the encoding of now proves nothing: of an empty key anybody can sign', async () => {
  const { db } = testDatabase;
  const cipher = createCipher([{ id: 'k1', key: new Secret(randomBytes(32).toString('base64')) }]);
  const good = new Secret(randomBytes(24).toString('base64'));
  for (const [name, secret] of [
    ['good', good],
    ['empty', new Secret('!')],
  ] as const) {
    const fingerprint = fingerprintOf('acme', secret);
    const sealed = cipher?.seal(secret.reveal(), secretContext('acme', fingerprint)) ?? null;
    const row = { account: 'acme', fingerprint, name, origin: 'database' as const, sealed };
    await db.transaction((tx) => insertSecret(tx, row, new Date('2026-11-01T00:00:00Z')));
  }
  const told: unknown[] = [];
  const ring = createSecretRing({
    db,
    environment: [],
    encoding: 'base64',
    cipher,
    now: () => new Date('2026-11-01T00:00:00Z'),
    log: { ...silent, error: (...args: unknown[]) => void told.push(args) },
  });
  await ring.refresh();
  expect(ring.secretsOf('acme').map(({ name }) => name)).toEqual(['good']);
  expect(told).toEqual([
    [expect.objectContaining({ name: 'empty' }), expect.stringMatching(/proves nothing: it is not base64/)],
  ]);
});

test('guarantee 17: what another process has yet to write down is waited for, on top of the quiet that is asked for', async () => {
  const { db } = testDatabase;
  const cipher = createCipher([{ id: 'k1', key: new Secret(randomBytes(32).toString('base64')) }]);
  let ms = 0;
  const now = () => new Date(Date.parse('2026-11-01T00:00:00Z') + ms);
  const environment = [{ account: 'rotated', secrets: [new Secret('whsec_of_last_year')] }];
  const ring = createSecretRing({ db, environment, encoding: 'utf8', cipher, now, log: silent });
  await ring.refresh();
  const deps = { ring, cipher, encoding: 'utf8', now } as const;
  const next = {
    account: 'rotated',
    name: '2027',
    secret: new Secret('whsec_of_this_year'),
    isTakeBack: false,
  };
  await db.transaction((tx) => beginRotation(tx, deps, next));
  await ring.refresh();
  const indexOf = (name: RegExp) => ring.secretsOf('rotated').findIndex((held) => name.test(held.name));
  const finishAt = (at: number) => {
    ms = at;
    return db
      .transaction((tx) => finishRotation(tx, deps, { account: 'rotated', quietMs: 5_000 }))
      .catch((error: { code: string }) => error.code);
  };
  ring.noteMatch('rotated', indexOf(/2027/), now());
  await ring.refresh();
  // The old one has never matched: as far as is written down.
  expect(await finishAt(1_999)).toBe('conflict');
  ring.noteMatch('rotated', indexOf(/^environment-/), now());
  await ring.refresh();
  expect(await finishAt(1_999 + 5_000 + 1_999)).toBe('conflict');
  expect(await finishAt(1_999 + 5_000 + 2_000)).toEqual([expect.stringMatching(/^environment-/)]);
});
