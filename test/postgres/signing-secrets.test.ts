// The ring of signing secrets against the database: what it knows of their matches reaches their rows, whatever is in the way.
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
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
  const next = { account: 'rotated', name: '2027', secret: new Secret('whsec_of_this_year') };
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

describe('a secret that was retired', () => {
  const old = new Secret('whsec_retired_too_early');
  const next = new Secret('whsec_its_successor');
  const at = (clock: string) => new Date(`2026-11-01T${clock}Z`);
  const cipherOf = (id: string) =>
    createCipher([{ id, key: new Secret(randomBytes(32).toString('base64')) }]);

  /** A receiver with these secrets of the account in its environment, and a clock that is set by hand. */
  const openRing = async (of: string, listed: readonly Secret[], cipher = cipherOf('k1')) => {
    const { db } = testDatabase;
    let time = at('00:00:00');
    const now = () => time;
    const environment = [{ account: of, secrets: listed }];
    const ring = createSecretRing({ db, environment, encoding: 'utf8', cipher, now, log: silent });
    await ring.refresh();
    const deps = { ring, cipher, encoding: 'utf8', now } as const;
    const indexOf = (secret: Secret) =>
      ring.secretsOf(of).findIndex((held) => held.secret.reveal() === secret.reveal());
    const asked = async <T>(clock: string, work: () => Promise<T>) => {
      time = at(clock);
      const answer = await work().catch((error: { code: string; message: string }) => error);
      await ring.refresh();
      return answer;
    };
    return {
      ring,
      cipher,
      takes: (secret: Secret) => indexOf(secret) !== -1,
      match: async (secret: Secret, clock: string) => {
        ring.noteMatch(of, indexOf(secret), at(clock));
        await ring.refresh();
      },
      begin: (name: string, secret: Secret, clock: string) =>
        asked(clock, () => db.transaction((tx) => beginRotation(tx, deps, { account: of, name, secret }))),
      finish: (clock: string) =>
        asked(clock, () =>
          db.transaction((tx) => finishRotation(tx, deps, { account: of, quietMs: 60_000 })),
        ),
    };
  };

  test('guarantee 17: counts again everywhere, is to go as before, and goes by the same conditions anew', async () => {
    const one = await openRing('early', [old]);
    const two = await openRing('early', [], one.cipher);
    await one.begin('2027', next, '01:00:00');
    await one.match(old, '01:00:01');
    await one.match(next, '01:00:02');
    expect(await one.finish('02:00:00')).toEqual([expect.stringMatching(/^environment-/)]);
    await two.ring.refresh();
    expect([one, two].map(({ takes }) => [takes(old), takes(next)])).toEqual([
      [false, true],
      [false, true],
    ]);

    expect(await two.begin('2027', old, '03:00:00')).toMatchObject({ code: 'conflict' }); // its successor's name
    expect(await two.begin('2026', old, '03:00:00')).toMatchObject({
      isReinstated: true,
      row: {
        name: '2026',
        origin: 'database',
        retiredAt: null,
        retiringAt: '2026-11-01T03:00:00.000000Z',
        lastMatchedAt: '2026-11-01T01:00:01.000000Z',
      },
    });
    await one.ring.refresh();
    // The newest is the last, and signs probes.
    for (const { ring } of [one, two]) {
      expect(ring.secretsOf('early').map(({ name }) => name)).toEqual(['2026', '2027']);
    }
    for (const secret of [old, next]) {
      expect(await one.begin('again', secret, '03:00:01')).toMatchObject({
        code: 'conflict',
        message: expect.stringContaining('known already'),
      });
    }

    // That the new one matched before is what retired the old one too early.
    expect(await one.finish('04:00:00')).toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/"2027" has not matched .* since 2026-11-01T03:00:00/),
    });
    await one.match(old, '04:00:00');
    await two.match(next, '04:00:30');
    expect(await one.finish('04:01:01')).toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/"2026" matched last at 2026-11-01T04:00:00/),
    });
    expect(await one.finish('04:01:02')).toEqual(['2026']);
    expect([one.takes(old), one.takes(next)]).toEqual([false, true]);
  });

  test('counts again also where its seal no longer opens, and beside a rotation that is going on', async () => {
    const before = await openRing('resealed', [old], cipherOf('lost'));
    await before.begin('2027', next, '01:00:00');
    await before.match(next, '01:00:01');
    await before.finish('02:00:00');
    const third = new Secret('whsec_the_third');
    const after = await openRing('resealed', [next]);
    await after.begin('2028', third, '03:00:00');
    expect(await after.begin('2026', old, '04:00:00')).toMatchObject({ isReinstated: true });
    const other = await openRing('resealed', [next], after.cipher);
    expect([old, next, third].map(other.takes)).toEqual([true, true, true]);
    await other.match(third, '04:00:01');
    expect(await other.finish('06:00:00')).toEqual(expect.arrayContaining(['2026', '2027']));
    expect([old, next, third].map(other.takes)).toEqual([false, false, true]);
  });

  test('counts again where it was only taken out of the environment; for good where nothing else of its account counts', async () => {
    await openRing('moved', [old]);
    const later = await openRing('moved', [next]);
    expect(later.takes(old)).toBe(false);
    expect(await later.begin('2026', old, '01:00:00')).toMatchObject({
      row: { retiringAt: expect.anything() },
    });
    expect([old, next].map(later.takes)).toEqual([true, true]);
    await later.match(next, '01:00:01');
    expect(await later.finish('02:00:00')).toEqual(['2026']);

    await openRing('alone', [old]);
    const without = await openRing('alone', []);
    expect(await without.begin('2026', old, '01:00:00')).toMatchObject({ row: { retiringAt: null } });
    expect(without.takes(old)).toBe(true);
  });
});
