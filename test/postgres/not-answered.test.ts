// iLive away for longer than a session lives: it stays open, since whatever keeps us from asking may be mended, but not for
// ever.
import { expect, test } from 'vitest';
import { registerSession } from '../../src/db/ledger.ts';
import type { SessionId } from '../../src/events/event.ts';
import { createClient } from '../../src/ilive/client.ts';
import { createPull, endUnasked } from '../../src/reconcile/pull.ts';
import { process, store } from '../support/replaying.ts';
import { silent, verdictPayload } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';

const database = useTestDatabase();
const endsAt = new Date('2026-04-11T10:00:00Z');
const hoursAfterTheEnd = (hours: number) => new Date(endsAt.getTime() + hours * 3_600_000);

/** Turns of pulling against a vendor where nobody listens, at times in hours after the session's end. */
function startUnanswered() {
  let now = hoursAfterTheEnd(-0.5);
  const outcomes: string[] = [];
  const client = createClient({ apiKey: 'key', baseUrl: 'http://127.0.0.1:1', maxRetries: 0 }); // nobody listens there
  const pull = createPull({
    db: database.db,
    client,
    dialect: 'reference',
    cipher: undefined,
    announce: async () => true,
    concurrency: 1,
    leaseMs: 60_000,
    shortLeaseMs: 30_000,
    intervalMs: 1_000,
    wait: async () => {},
    isPaused: () => false,
    isTimeCertain: () => true,
    log: silent,
    now: () => now,
    onPulled: (outcome) => outcomes.push(outcome),
  });
  const register = (sessionId: string) => {
    const key = { sessionId: sessionId as SessionId, account: 'default' };
    const expected = { key, referenceId: null, dialect: 'reference', token: null, expectedAt: now } as const;
    const session = { ...expected, expiresAt: endsAt, nextPullAt: now };
    return database.db.transaction((tx) => registerSession(tx, session, () => now));
  };
  const turnAfter = async (hours: number) => {
    now = hoursAfterTheEnd(hours);
    await pull(new AbortController().signal);
  };
  return { outcomes, register, turnAfter };
}

test('guarantee 8: while the clocks do not agree no session is given up for its time', async () => {
  const { register } = startUnanswered();
  await register('uncertain');
  const endAfter = (hours: number, isCertain: boolean) => {
    const now = () => hoursAfterTheEnd(hours);
    return endUnasked({ db: database.db, now, isTimeCertain: () => isCertain }, true);
  };
  expect(await endAfter(25, false)).toEqual([]);
  expect(await endAfter(25, true)).toEqual(['not_answered']);
});

test('guarantee 8: a session that iLive could not be asked about is open 23 hours after its end, and ends after 25', async () => {
  const { outcomes, register, turnAfter } = startUnanswered();
  await register('unanswered');
  const stateAfter = async (hours: number) => {
    await turnAfter(hours);
    const [row] = await database.db.query({
      text: `select state, ended_reason as reason, pull_attempts as attempts from sessions where session_id = 'unanswered'`,
    });
    return row;
  };
  const open = { state: 'expected', reason: null, attempts: 0 };
  for (const hours of [-0.4, 0.1, 1, 23]) expect(await stateAfter(hours)).toEqual(open);
  expect(await stateAfter(25)).toMatchObject({ state: 'unrecoverable', reason: 'not_answered' });
  expect(outcomes).toEqual(['vendor_away', 'vendor_away', 'vendor_away', 'vendor_away', 'unrecoverable']);
});

test('guarantee 10: a second source that iLive could not be asked for is wanted 23 hours after the end, and no more after 25', async () => {
  const { register, turnAfter } = startUnanswered();
  await register('unconfirmed');
  const told = verdictPayload({ session_id: 'unconfirmed' });
  await process(database.db, await store(database.db, [told]), { confirm: 'always' });
  const isWantedAfter = async (hours: number) => {
    const text = `
      update sessions set next_pull_at = $1 where session_id = 'unconfirmed' and next_pull_at is not null returning state`;
    await database.db.query({ text, values: [hoursAfterTheEnd(hours)] });
    await turnAfter(hours);
    const still = `select state from sessions where session_id = 'unconfirmed' and next_pull_at is not null`;
    return (await database.db.query({ text: still })).length > 0;
  };
  expect(await isWantedAfter(23)).toBe(true);
  expect(await isWantedAfter(25)).toBe(false);
});
