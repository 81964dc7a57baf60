import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createCipher } from '../../src/cipher.ts';
import { Secret } from '../../src/secret.ts';

const keyOf = (id: string) => ({ id, key: new Secret(randomBytes(32).toString('base64')) });
const [older, newer] = [keyOf('2026-01'), keyOf('2026-11')];

function cipherOf(...keys: ReturnType<typeof keyOf>[]) {
  const cipher = createCipher(keys);
  if (cipher === undefined) throw new Error('no key');
  return cipher;
}

test('what one key sealed opens after another has come in front of it, and not after it has gone', () => {
  const sealed = cipherOf(older).seal('token', 'session-1');
  expect(cipherOf(newer, older).open(sealed, 'session-1')?.toString()).toBe('token');
  expect(cipherOf(newer).open(sealed, 'session-1')).toBeUndefined();
});

test('guarantee 9: it opens in its own context alone, and not when any byte of it was changed', () => {
  const cipher = cipherOf(newer);
  const sealed = cipher.seal('token', 'session-1');
  expect(cipher.open(sealed, 'session-2')).toBeUndefined();
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(cipher.open(changed, 'session-1'), `byte ${at}`).toBeUndefined();
  }
});

test('the same text sealed twice shows no likeness', () => {
  const cipher = cipherOf(newer);
  expect(cipher.seal('token', 's')).not.toEqual(cipher.seal('token', 's'));
  expect(cipher.seal('token', 's').includes('token')).toBe(false);
});

test('without a key there is no cipher', () => {
  expect(createCipher([])).toBeUndefined();
});
