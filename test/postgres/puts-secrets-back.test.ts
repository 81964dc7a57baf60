// Which secret a rotation makes the one that stays, against the database: one that was retired is put back by an explicit word and
// is to go again, one that is new stays wherever it was before, and there is always a way out.
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createCipher } from '../../src/cipher.ts';
import { beginRotation, finishRotation } from '../../src/operations/rotate-secrets.ts';
import { createSecretRing } from '../../src/operations/signing-secrets.ts';
import { Secret } from '../../src/secret.ts';
import { silent } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';

const testDatabase = useTestDatabase();
const at = (clock: string) => new Date(`2026-11-01T${clock}Z`);
const cipherOf = (id: string) => createCipher([{ id, key: new Secret(randomBytes(32).toString('base64')) }]);

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
    begin: (name: string, secret: Secret, clock: string, isTakeBack = false) =>
      asked(clock, () =>
        db.transaction((tx) => beginRotation(tx, deps, { account: of, name, secret, isTakeBack })),
      ),
    finish: (clock: string) =>
      asked(clock, () => db.transaction((tx) => finishRotation(tx, deps, { account: of, quietMs: 60_000 }))),
  };
};

describe('a secret that was retired', () => {
  const old = new Secret('whsec_retired_too_early');
  const next = new Secret('whsec_its_successor');

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

    expect(await two.begin('2027', old, '03:00:00', true)).toMatchObject({ code: 'conflict' }); // its successor's name
    expect(await two.begin('2026', old, '03:00:00', true)).toMatchObject({
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
    expect(await after.begin('2026', old, '04:00:00', true)).toMatchObject({ isReinstated: true });
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
    expect(await later.begin('2026', old, '01:00:00', true)).toMatchObject({
      row: { retiringAt: expect.anything() },
    });
    expect([old, next].map(later.takes)).toEqual([true, true]);
    await later.match(next, '01:00:01');
    expect(await later.finish('02:00:00')).toEqual(['2026']);

    await openRing('alone', [old]);
    const without = await openRing('alone', []);
    expect(await without.begin('2026', old, '01:00:00', true)).toMatchObject({ row: { retiringAt: null } });
    expect(without.takes(old)).toBe(true);
  });

  test('counts again by an explicit word alone, since it may have been retired because it leaked', async () => {
    const one = await openRing('leaked', [old]);
    await one.begin('2027', next, '01:00:00');
    const elsewhere = await openRing('leaked', [], one.cipher);
    const unasked = {
      code: 'conflict',
      message: expect.stringMatching(
        /known already, as "environment-.*"\. Use a new one\. .*--reinstate .*leaked.*leave them refused/,
      ),
    };
    // Still to go, and taken out of the environment by then.
    expect(await elsewhere.begin('2026', old, '01:30:00')).toMatchObject(unasked);
    await one.match(next, '01:00:01');
    await one.finish('02:00:00');
    for (const each of [one, elsewhere]) {
      expect(await each.begin('2026', old, '03:00:00')).toMatchObject(unasked);
      expect(each.takes(old)).toBe(false);
    }
    const mistyped = new Secret('whsec_retired_too_earli');
    expect(await one.begin('2026', mistyped, '03:00:00', true)).toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('is it mistyped?'),
    });
    expect(await one.begin('2026', old, '03:00:00', true)).toMatchObject({ isReinstated: true });
  });

  test('guarantee 17: goes for a third one that iLive hands out, where it never comes to the one that took its place', async () => {
    const third = new Secret('whsec_the_third');
    const fourth = new Secret('whsec_the_fourth');
    const one = await openRing('third', [old]);
    await one.begin('2027', next, '01:00:00');
    const goingOn = { code: 'conflict', message: expect.stringContaining('is going on') };
    expect(await one.begin('2028', third, '01:00:01')).toMatchObject(goingOn);
    await one.match(next, '01:00:02');
    await one.finish('02:00:00');
    await one.begin('2026', old, '03:00:00', true);
    await one.match(old, '03:00:01');

    expect(await one.begin('2028', third, '04:00:00')).toMatchObject({
      isReinstated: false,
      row: { name: '2028', retiringAt: null },
    });
    expect([old, next, third].map(one.takes)).toEqual([true, true, true]);
    expect(await one.begin('2029', fourth, '04:00:01')).toMatchObject(goingOn);
    expect(await one.finish('05:00:00')).toMatchObject({
      message: expect.stringContaining('"2028" has never matched'),
    });
    await one.match(third, '05:00:00');
    expect(await one.finish('06:00:00')).toEqual(expect.arrayContaining(['2026', '2027']));
    expect([old, next, third].map(one.takes)).toEqual([false, false, true]);
  });
});

test('guarantee 17: a new secret that had been in the environment for a while is begun like any other, and what it matched then says nothing', async () => {
  const inUse = new Secret('whsec_in_use');
  const staged = new Secret('whsec_staged');
  const before = await openRing('staged', [inUse, staged]);
  await before.match(staged, '00:00:01');
  const one = await openRing('staged', [inUse]);
  expect([inUse, staged].map(one.takes)).toEqual([true, false]);
  expect(await one.begin('2027', staged, '01:00:00')).toMatchObject({
    isReinstated: false,
    row: { name: '2027', origin: 'database', retiringAt: null, retiredAt: null, lastMatchedAt: null },
  });
  // The newest is the last, and signs probes.
  expect(one.ring.secretsOf('staged').at(-1)?.name).toBe('2027');
  await one.match(inUse, '01:00:01');
  expect(await one.finish('02:00:00')).toMatchObject({
    message: expect.stringContaining('"2027" has never matched'),
  });
  await one.match(staged, '02:00:01');
  expect(await one.finish('03:00:00')).toEqual([expect.stringMatching(/^environment-/)]);
  expect([inUse, staged].map(one.takes)).toEqual([false, true]);
});
