// Refused requests wait in a bounded buffer in which no source can push out another.
import { expect, test } from 'vitest';
import { createRefusalBuffer, type RefusedRequest } from '../../src/operations/refusal-buffer.ts';

const request = (address: string, index: number, bodyBytes = 100): RefusedRequest => ({
  account: 'default',
  reason: 'signature_mismatch',
  address,
  receivedAt: new Date(1_700_000_000_000 + index),
  headers: { 'x-number': String(index) },
  body: Buffer.alloc(bodyBytes),
});
const numbers = (requests: readonly RefusedRequest[]) =>
  requests.map(({ headers }) => Number(headers['x-number']));

test('what goes in comes out, oldest first', () => {
  const buffer = createRefusalBuffer(1_000_000);
  for (const index of [1, 2, 3]) expect(buffer.add(request('10.0.0.1', index))).toBe(0);
  expect(numbers(buffer.take(2, 1_000_000))).toEqual([1, 2]);
  expect(buffer.isEmpty()).toBe(false);
  expect(numbers(buffer.take(10, 1_000_000))).toEqual([3]);
  expect(buffer.isEmpty()).toBe(true);
  expect(buffer.take(10, 1_000_000)).toEqual([]);
});

test('a flood from one address loses its own newest, and nothing of another’s', () => {
  const buffer = createRefusalBuffer(200_000);
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
  const buffer = createRefusalBuffer(10_000);
  expect(buffer.add(request('10.0.0.1', 1, 20_000))).toBe(1);
  expect(buffer.isEmpty()).toBe(true);
});

test('taking is bounded in bytes, yet always takes one; sources take turns', () => {
  const buffer = createRefusalBuffer(10_000_000);
  for (const index of [1, 2, 3]) buffer.add(request('10.0.0.1', index, 5_000));
  buffer.add(request('10.0.0.2', 4, 5_000));
  expect(numbers(buffer.take(10, 1))).toHaveLength(1);
  const two = buffer.take(10, 10_000);
  expect(new Set(two.map(({ address }) => address)).size).toBe(2);
});

test('what was taken no longer counts', () => {
  const buffer = createRefusalBuffer(12_000);
  for (let index = 0; index < 100; index += 1) {
    expect(buffer.add(request('10.0.0.1', index, 8_000))).toBe(0);
    expect(numbers(buffer.take(1, 1_000_000))).toEqual([index]);
  }
});
