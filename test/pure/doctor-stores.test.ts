// What the doctor says of a Postgres and of a Redis, told from what these say of themselves.
import { expect, test } from 'vitest';
import { checkPostgres, checkQueue } from '../../src/operations/doctor-stores.ts';

const settings = {
  fsync: 'on',
  full_page_writes: 'on',
  wal_compression: 'off',
  server_encoding: 'UTF8',
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
    checkPostgres({ ...facts, versionNumber, settings: { ...settings, ...changes } }).map(
      ({ check, level }) => [check, level],
    ),
  );

const good = {
  'postgres version': 'ok',
  'postgres durability': 'ok',
  'postgres log': 'ok',
  'postgres encoding': 'ok',
  'postgres collation': 'ok',
};

test.each([
  ['nothing in one that is as it should be', {}, 180_004, {}],
  ['one that is too old', {}, 140_011, { 'postgres version': 'error' }],
  ['one without fsync', { fsync: 'off' }, 180_004, { 'postgres durability': 'error' }],
  ['one that may tear pages', { full_page_writes: 'off' }, 180_004, { 'postgres durability': 'error' }],
  ['slow compression', { wal_compression: 'pglz' }, 180_004, { 'postgres log': 'warning' }],
  [
    'one that cannot hold every text',
    { server_encoding: 'LATIN1' },
    180_004,
    { 'postgres encoding': 'error' },
  ],
  ['nothing in a fast one', { wal_compression: 'lz4' }, 180_004, {}],
])('complains of %s', (_, changes, versionNumber, complaints) => {
  expect(levels(changes, versionNumber)).toEqual({ ...good, ...complaints });
});

const english = { name: 'en_US.utf8', isByBytes: false, madeWith: '2.36', version: '2.36' };

test.each([
  ['a slow order', english, 'warning'],
  ['an order that has changed under the indexes', { ...english, version: '2.41' }, 'error'],
  ['one that has changed, though fast', { ...collation, madeWith: '1', version: '2' }, 'error'],
])('complains of %s of texts', (_, changed, level) => {
  const found = checkPostgres({ ...facts, collation: changed });
  expect(found.find(({ check }) => check === 'postgres collation')).toMatchObject({ level });
});

const info = { redis_version: '7.2.0', maxmemory_policy: 'noeviction', aof_enabled: '0' };

test.each([
  ['appendonly is on', { aof_enabled: '1' }, '', 'ok', /^appendonly is on/],
  ['it makes snapshots', {}, '3600 1 300 100', 'ok', /^snapshots are made/],
  // The time of its start.
  ['it makes none', { rdb_last_save_time: '1790000000', rdb_saves: '0' }, '', 'warning', /empties the queue/],
  ['it does not tell, and has made one', { rdb_saves: '2' }, null, 'ok', /^snapshots are made/],
  ['it does not tell, and has made none yet', { rdb_saves: '0' }, null, 'warning', /not known whether/],
  [
    'it is older and does not tell',
    { rdb_last_save_time: '1790000000' },
    null,
    'warning',
    /not known whether/,
  ],
])('a Redis is told by what it keeps: %s', (_, changes, savePoints, level, message) => {
  const found = checkQueue({
    kind: 'redis',
    isUp: true,
    trouble: null,
    waiting: 0,
    active: 0,
    delayed: 0,
    redis: { ...info, ...changes },
    savePoints,
  });
  expect(found.find(({ check }) => check === 'redis persistence')).toMatchObject({
    level,
    message: expect.stringMatching(message),
  });
});
