// iLive away for longer than a session lives: it stays open, since whatever keeps us from asking may be mended, but not for
// ever.
import { expect, test } from 'vitest';
import { registerSession } from '../../src/db/ledger.ts';
import type { SessionId } from '../../src/events/event.ts';
import { createClient } from '../../src/ilive/client.ts';
import { createPull } from '../../src/reconcile/pull.ts';
import { silent } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';

const database = useTestDatabase();
const endsAt = new Date('2026-04-11T10:00:00Z');
const hoursAfterTheEnd = (hours: number) => new Date(endsAt.getTime() + hours * 3_600_000);

test('guarantee 8: a session that iLive could not be asked about is open 23 hours after its end, and ends after 25', async () => {
  const { db } = database;
  let now = hoursAfterTheEnd(-0.5);
  const outcomes: string[] = [];
  const client = createClient({ apiKey: 'key', baseUrl: 'http://127.0.0.1:1', maxRetries: 0 }); // nobody listens there
  const pull = createPull({
    db,
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
    log: silent,
    now: () => now,
    onPulled: (outcome) => outcomes.push(outcome),
  });
  const key = { sessionId: 'unanswered' as SessionId, account: 'default' };
  const expected = { key, referenceId: null, dialect: 'reference', token: null, expectedAt: now } as const;
  const session = { ...expected, expiresAt: endsAt, nextPullAt: now };
  await db.transaction((tx) => registerSession(tx, session, () => now));
  const stateAfter = async (hours: number) => {
    now = hoursAfterTheEnd(hours);
    await pull(new AbortController().signal);
    const [row] = await db.query({
      text: `select state, ended_reason as reason, pull_attempts as attempts from sessions`,
    });
    return row;
  };
  const open = { state: 'expected', reason: null, attempts: 0 };
  for (const hours of [-0.4, 0.1, 1, 23]) expect(await stateAfter(hours)).toEqual(open);
  expect(await stateAfter(25)).toMatchObject({ state: 'unrecoverable', reason: 'not_answered' });
  expect(outcomes).toEqual(['vendor_away', 'vendor_away', 'vendor_away', 'vendor_away', 'unrecoverable']);
});
