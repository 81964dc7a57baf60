// Which sessions a second source is asked of is said twice, for a standing in `reconcile/overdue` and for a row in SQL. The two
// say the same.
import { expect, test } from 'vitest';
import { registerSession } from '../../src/db/ledger.ts';
import { noteWaiting } from '../../src/db/waits.ts';
import { type DeliveryId, type SessionId, sources, verdicts } from '../../src/events/event.ts';
import { instantOf } from '../../src/events/instant.ts';
import { confirmations, confirmPolicies } from '../../src/events/session.ts';
import { confirmAt, confirmedBy } from '../../src/reconcile/overdue.ts';
import { useTestDatabase } from '../support/test-database.ts';

const database = useTestDatabase();
const now = new Date('2026-04-11T09:30:05Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1_000);

const rows = (['settled', 'disputed'] as const).flatMap((state) =>
  confirmations.flatMap((confirmation) =>
    sources.flatMap((settledSource) =>
      verdicts.map((verdict) => ({ state, confirmation, settledSource, verdict })),
    ),
  ),
);

/** Writes one session for each row and has `want` ask for a second source of it; gives the rows that are due then. */
async function findDue(by: string, want: (sessionId: SessionId) => Promise<unknown>) {
  const { db } = database;
  const idOf = (row: object) => [by, ...Object.values(row)].join(' ') as SessionId;
  await db.query({
    text: `insert into sessions (session_id, account, expected_at, state, confirmation, settled_source, verdict)
           select s.id, 'default', $6::timestamptz - interval '1 minute', s.state, s.confirmation, s.source, s.verdict
           from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) s (id, state, confirmation, source, verdict)`,
    values: [
      rows.map(idOf),
      rows.map(({ state }) => state),
      rows.map(({ confirmation }) => confirmation),
      rows.map(({ settledSource }) => settledSource),
      rows.map(({ verdict }) => verdict),
      now.toISOString(),
    ],
  });
  for (const row of rows) await want(idOf(row));
  const due = await db.query<{ id: string }>({
    text: 'select session_id as id from sessions where next_pull_at = $1 and session_id = any($2::text[])',
    values: [now.toISOString(), rows.map(idOf)],
  });
  const ids = new Set(due.map(({ id }) => id));
  return rows.filter((row) => ids.has(idOf(row)));
}

function confirmable(policy: (typeof confirmPolicies)[number]) {
  const rest = {
    confidence: null,
    referenceId: null,
    verdictAt: instantOf(now),
    settledBy: '' as DeliveryId,
  };
  return rows.filter((row) => confirmAt(policy, { ...row, ...rest }, now) !== null);
}

test.each(confirmPolicies)('of a session that is registered, with CONFIRM=%s', async (policy) => {
  const due = await findDue(policy, (sessionId) => {
    const key = { sessionId, account: 'default' };
    const given = { key, referenceId: null, dialect: 'reference', token: null, expectedAt: now } as const;
    const session = {
      ...given,
      expiresAt: later(1_800),
      nextPullAt: later(20),
      confirmed: confirmedBy(policy),
    };
    return database.db.transaction((tx) => registerSession(tx, session, () => now));
  });
  expect(due).toEqual(confirmable(policy));
});

test('of a session whose confirmation somebody waits for', async () => {
  const waiting = { account: 'default', until: later(60), wantsConfirmation: true };
  const due = await findDue('waited for', (sessionId) =>
    noteWaiting(database.db, [{ ...waiting, sessionId }], { now, gapMs: 0 }),
  );
  expect(due).toHaveLength(verdicts.length);
  expect(due).toEqual(confirmable('always'));
});
