// Refused requests wait in a bounded buffer in which no source can push out another.
import { expect, test } from 'vitest';
import { createRefusalBuffer, type RefusedRequest } from '../../src/operations/refusal-buffer.ts';

const request = (address: string, index: number, bodyBytes = 100, account = 'default'): RefusedRequest => ({
  account,
  reason: 'signature_mismatch',
  address,
  receivedAt: new Date(1_700_000_000_000 + index),
  headers: { 'x-number': String(index) },
  body: Buffer.alloc(bodyBytes),
});
const createBuffer = (maxBytes: number) => createRefusalBuffer(maxBytes, (account) => account === 'default');
const numbers = (requests: readonly RefusedRequest[]) =>
  requests.map(({ headers }) => Number(headers['x-number']));

test('what goes in comes out, oldest first', () => {
  const buffer = createBuffer(1_000_000);
  for (const index of [1, 2, 3]) expect(buffer.add(request('10.0.0.1', index))).toBe(0);
  expect(numbers(buffer.take(2, 1_000_000))).toEqual([1, 2]);
  expect(buffer.isEmpty()).toBe(false);
  expect(numbers(buffer.take(10, 1_000_000))).toEqual([3]);
  expect(buffer.isEmpty()).toBe(true);
  expect(buffer.take(10, 1_000_000)).toEqual([]);
});

test('a flood from one address loses its own newest, and nothing of another’s', () => {
  const buffer = createBuffer(200_000);
  for (let index = 0; index < 20; index += 1) buffer.add(request('10.0.0.1', index));
  let letGo = 0;
  for (let index = 100; index < 1_100; index += 1) letGo += buffer.add(request('10.6.6.6', index, 64_000));
  const taken = buffer.take(10_000, 100_000_000);
  const [theirs, flood] = [
    taken.filter(({ address }) => address === '10.0.0.1'),
    taken.filter(({ address }) => address === '10.6.6.6'),
  ];
  expect(numbers(theirs)).toEqual(Array.from({ length: 20 }, (_, index) => index));
  expect(numbers(flood)).toEqual([100, 101]);
  expect(letGo).toBe(1_000 - flood.length);
});

test('a request that alone is larger than the buffer is let go', () => {
  const buffer = createBuffer(10_000);
  expect(buffer.add(request('10.0.0.1', 1, 20_000))).toBe(1);
  expect(buffer.isEmpty()).toBe(true);
});

test('headers and accounts count like the bytes of a body', () => {
  const [long, maxBytes] = ['x'.repeat(15_000), 1_000_000];
  for (const changes of [{ headers: { via: long } }, { account: long }]) {
    const buffer = createBuffer(maxBytes);
    for (let index = 0; index < 1_000; index += 1)
      buffer.add({ ...request('10.0.0.1', index, 1), ...changes });
    expect(buffer.take(10, 2 * long.length)).toHaveLength(1);
    expect(buffer.take(1_000, maxBytes).length).toBeLessThan(maxBytes / long.length);
  }
});

test('taking is bounded in bytes, yet always takes one; sources take turns', () => {
  const buffer = createBuffer(10_000_000);
  for (const index of [1, 2, 3]) buffer.add(request('10.0.0.1', index, 5_000));
  buffer.add(request('10.0.0.2', 4, 5_000));
  expect(numbers(buffer.take(10, 1))).toHaveLength(1);
  const two = buffer.take(10, 10_100);
  expect(new Set(two.map(({ address }) => address)).size).toBe(2);
});

test('what was taken no longer counts', () => {
  const buffer = createBuffer(12_000);
  for (let index = 0; index < 100; index += 1) {
    expect(buffer.add(request('10.0.0.1', index, 8_000))).toBe(0);
    expect(numbers(buffer.take(1, 1_000_000))).toEqual([index]);
  }
});

test('a flood under made-up accounts, from many addresses, takes nothing from accounts that have secrets', () => {
  const buffer = createBuffer(200_000);
  for (let index = 0; index < 20; index += 1) buffer.add(request('10.0.0.1', index, 2_000));
  const flooded = 2_000;
  for (let index = 0; index < flooded; index += 1) {
    buffer.add(request(`10.6.${index >> 8}.${index & 255}`, 100 + index, 2_000, `made-up-${index}`));
  }
  // Nor does it have what is taken in a second to itself.
  const first = buffer.take(20, 100_000_000);
  expect(numbers(first).slice(0, 18)).toEqual(Array.from({ length: 18 }, (_, index) => index));
  expect(first.filter(({ account }) => account !== 'default')).toHaveLength(2);
  expect(numbers(buffer.take(10_000, 100_000_000)).filter((number) => number < 100)).toEqual([18, 19]);
});

test('one network is one source, whatever the accounts that it makes up; another that has no secrets yet keeps its own', () => {
  const buffer = createBuffer(200_000);
  for (let index = 0; index < 3; index += 1) buffer.add(request('10.0.0.1', index, 2_000, 'set-up-soon'));
  for (let index = 100; index < 1_100; index += 1) {
    const address = `2001:db8:77:ab${(index % 256).toString(16).padStart(2, '0')}::${index}`;
    buffer.add(request(address, index, 2_000, `made-up-${index}`));
    buffer.add(request('10.6.6.6', 10_000 + index, 2_000)); // and one against an account that has some
  }
  const taken = buffer.take(10_000, 100_000_000);
  expect(numbers(taken.filter(({ account }) => account === 'set-up-soon'))).toEqual([0, 1, 2]);
  const bytesOf = (isOne: (request: RefusedRequest) => boolean) =>
    taken.filter(isOne).reduce((sum, { body }) => sum + body.length, 0);
  expect(bytesOf(({ account }) => account === 'default')).toBeLessThan(180_000);
  expect(bytesOf(({ account }) => account.startsWith('made-up'))).toBeGreaterThan(0);
});
