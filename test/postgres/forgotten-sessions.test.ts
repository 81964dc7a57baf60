// What a session is that iLive no longer knows: one that nobody finished where iLive has said so in its last minute, and otherwise
// one of which nobody knows.
import { expect, test } from 'vitest';
import { takeDueSessions } from '../../src/db/ledger.ts';
import { at, pending, refused, usePulling } from '../support/pulling.ts';

const { database, register, start } = usePulling();

const ending = () => database.db.query({ text: 'select state, ended_reason as reason from sessions' });

test('guarantee 8: a session that iLive forgot, and that was unfinished when it was asked for the last time before, has expired', async () => {
  const { outcomes, turnAt } = await start([pending, refused]);
  await register(-60);
  await turnAt(-60);
  await turnAt(5);
  expect(outcomes).toEqual(['pending', 'expired']);
  expect(await ending()).toEqual([{ state: 'expired', reason: 'never_finished' }]);
});

test('guarantee 8: a session that iLive forgot while nobody asked is not taken for one that nobody finished', async () => {
  const { outcomes, turnAt } = await start([pending, refused]);
  await register(-600);
  await turnAt(-600);
  await turnAt(3_600);
  expect(outcomes).toEqual(['pending', 'unrecoverable']);
  expect(await ending()).toEqual([{ state: 'unrecoverable', reason: 'not_found' }]);
});

test('guarantee 8: nor is one about which a worker that died had not been answered', async () => {
  const { outcomes, turnAt } = await start([refused]);
  await register(-60);
  const lease = { leaseMs: 120_000, shortLeaseMs: 30_000, lastChanceMs: 60_000, limit: 1 };
  expect(await takeDueSessions(database.db, { ...lease, now: at(-60) })).toHaveLength(1);
  await turnAt(5);
  expect(outcomes).toEqual(['unrecoverable']);
  expect(await ending()).toEqual([{ state: 'unrecoverable', reason: 'not_found' }]);
});
