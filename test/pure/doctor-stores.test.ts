// What the doctor says of a Postgres, told from what that says of itself.
import { expect, test } from 'vitest';
import { checkPostgres } from '../../src/operations/doctor-stores.ts';

const settings = {
  fsync: 'on',
  full_page_writes: 'on',
  max_connections: '100',
  wal_compression: 'off',
};
const collation = { name: 'C', isByBytes: true, madeWith: null, version: null };
const facts = {
  versionNumber: 180_004,
  settings,
  newestMigration: 0,
  strayBodies: 0,
  daysAhead: 7,
  collation,
};
const levels = (changes: Partial<typeof settings>, versionNumber = facts.versionNumber) =>
  Object.fromEntries(
    checkPostgres({ ...facts, versionNumber, settings: { ...settings, ...changes } }, 57).map(
      ({ check, level }) => [check, level],
    ),
  );

const good = {
  'postgres version': 'ok',
  'postgres durability': 'ok',
  'postgres log': 'ok',
  'postgres connections': 'ok',
  'postgres collation': 'ok',
};

test.each([
  ['nothing in one that is as it should be', {}, 180_004, {}],
  ['one that is too old', {}, 140_011, { 'postgres version': 'error' }],
  ['one without fsync', { fsync: 'off' }, 180_004, { 'postgres durability': 'error' }],
  ['one that may tear pages', { full_page_writes: 'off' }, 180_004, { 'postgres durability': 'error' }],
  ['slow compression', { wal_compression: 'pglz' }, 180_004, { 'postgres log': 'warning' }],
  ['nothing in a fast one', { wal_compression: 'lz4' }, 180_004, {}],
  ['too few connections', { max_connections: '57' }, 180_004, { 'postgres connections': 'warning' }],
])('complains of %s', (_, changes, versionNumber, complaints) => {
  expect(levels(changes, versionNumber)).toEqual({ ...good, ...complaints });
});

const english = { name: 'en_US.utf8', isByBytes: false, madeWith: '2.36', version: '2.36' };

test.each([
  ['a slow order', english, 'warning'],
  ['an order that has changed under the indexes', { ...english, version: '2.41' }, 'error'],
  ['one that has changed, though fast', { ...collation, madeWith: '1', version: '2' }, 'error'],
])('complains of %s of texts', (_, changed, level) => {
  const found = checkPostgres({ ...facts, collation: changed }, 57);
  expect(found.find(({ check }) => check === 'postgres collation')).toMatchObject({ level });
});
