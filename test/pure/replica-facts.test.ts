// How far a replica lags, told by positions in the log alone, and which servers stand for the primary at all.
import { expect, test } from 'vitest';
import { createPositions, unfitness } from '../../src/db/replica-facts.ts';

test('guarantee 19: a replica has what was committed before the primary was last seen where the replica is now', () => {
  const positions = createPositions();
  expect(positions.provenAtMs('0/100')).toBeUndefined();
  positions.note('0/100', 1_000);
  positions.note('0/200', 2_000);
  positions.note('0/300', 3_000);
  expect(positions.provenAtMs('0/FF')).toBeUndefined();
  expect(positions.provenAtMs('0/1FF')).toBe(1_000);
  expect(positions.provenAtMs('0/200')).toBe(2_000);
  expect(positions.provenAtMs('0/FFFFFFFF')).toBe(3_000);
});

test('while nothing is written nobody falls behind', () => {
  const positions = createPositions();
  for (let atMs = 0; atMs <= 3_600_000; atMs += 1_000) positions.note('1/0', atMs);
  expect(positions.provenAtMs('1/0')).toBe(3_600_000);
  expect(positions.provenAtMs('0/FFFFFFFF')).toBeUndefined();
});

test('a primary that begins again further back, restored, is believed', () => {
  const positions = createPositions();
  positions.note('2/0', 1_000);
  positions.note('1/0', 2_000);
  expect(positions.provenAtMs('1/0')).toBe(2_000);
  expect(positions.provenAtMs('0/0')).toBeUndefined();
});

const primary = { position: '0/1', system: 's', database: 'd', startedAt: 'then', migration: '3' };
const replica = { ...primary, startedAt: 'later', isStandby: true };

test.each([
  ['a copy that follows', replica, undefined],
  ['the primary itself', { ...primary, isStandby: false }, undefined],
  ['a copy that was promoted', { ...replica, isStandby: false }, 'not_a_replica'],
  ['a copy of another cluster', { ...replica, system: 'x' }, 'other_database'],
  ['another database of the cluster', { ...replica, database: 'x' }, 'other_database'],
  ['a copy that has not replayed the newest migration', { ...replica, migration: '2' }, 'other_schema'],
])('%s', (_, facts, expected) => {
  expect(unfitness(primary, facts)).toBe(expected);
});
