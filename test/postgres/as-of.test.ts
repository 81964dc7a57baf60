// Answers about the past against histories that are really played: what the rows said at each moment is noted as it passes,
// and asked about at the end. Rows are read here by SQL of the test's own.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { resolveAlert } from '../../src/db/alerts.ts';
import { endSession } from '../../src/db/end-sessions.ts';
import { findHistories } from '../../src/db/find-past.ts';
import type { SessionRow } from '../../src/db/find-sessions.ts';
import { findSubject, tellSession } from '../../src/db/find-subject.ts';
import { registerSession } from '../../src/db/ledger.ts';
import { sessions as sessionTable } from '../../src/db/schema.ts';
import { lockSessions } from '../../src/db/sessions.ts';
import type { Moment } from '../../src/events/as-of.ts';
import type { SessionId } from '../../src/events/event.ts';
import { instantOf } from '../../src/events/instant.ts';
import { processDeliveries } from '../../src/workers/process-deliveries.ts';
import { beginUntilBlocked } from '../support/blocked.ts';
import { emptyTables } from '../support/empty-tables.ts';
import {
  happenedAt,
  histories,
  lateContradiction,
  movedDispute,
  play,
  references,
  timeOf,
} from '../support/histories.ts';
import { rulesOf, store } from '../support/replaying.ts';
import { silent, verdictPayload } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';

const testDatabase = useTestDatabase();
const runs = 100;

// What no answer about the past tells, and what is none of a caller's business.
const untold = [
  ...['nextPullAt', 'pullAttempts', 'pullLeaseUntil', 'pulledAt', 'unfinishedAt', 'waitedUntil'],
  ...['registeredAt', 'registeredReferenceId', 'dialect', 'token', 'knownAt'],
];
type Told = Record<string, unknown>;
interface Said {
  readonly sessions: Told[];
  readonly subjects: { reference: string; sessions: Told[]; faceMatches: Told[]; alerts: Told[] }[];
}

function without(row: object, names: readonly string[]): Told {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name)));
}

const allSessions = () => testDatabase.db.orm((orm) => orm.select().from(sessionTable));
const bySession = (rows: Told[]) =>
  [...rows].sort((a, b) => (String(a.sessionId) < String(b.sessionId) ? -1 : 1));
const byDelivery = (rows: Told[]) =>
  [...rows].sort((a, b) => (String([a.deliveryId, a.alertId]) < String([b.deliveryId, b.alertId]) ? 1 : -1));

/** What the rows say at this moment. */
async function saidNow(): Promise<Said> {
  const { db } = testDatabase;
  const rows = await allSessions();
  const facts = async (table: string, columns: string, reference: string) =>
    byDelivery(
      await db.query<Told>({
        text: `select ${columns}, account, delivery_id as "deliveryId", session_id as "sessionId",
                 reference_id as "referenceId", occurred_at as "occurredAt", known_at as "knownAt"
               from ${table} f where reference_id = $1
                 or (session_id, account) in (select session_id, account from sessions where reference_id = $1)`,
        values: [reference],
      }),
    );
  const subjects = [];
  for (const reference of references) {
    subjects.push({
      reference,
      sessions: bySession(
        rows.filter(({ referenceId }) => referenceId === reference).map((row) => without(row, untold)),
      ),
      faceMatches: await facts('face_matches', 'match_id as "matchId", similarity', reference),
      alerts: await facts(
        'compliance_alerts',
        `alert_id as "alertId", category, details, status, acknowledged_at as "acknowledgedAt",
         acknowledged_by as "acknowledgedBy", resolved_at as "resolvedAt", resolved_note as "resolvedNote"`,
        reference,
      ),
    });
  }
  return { sessions: bySession(rows.map((row) => without(row, untold))), subjects };
}

/** What we answer about a moment, from all that is kept. */
async function answers(moment: Moment): Promise<Said> {
  const { db } = testDatabase;
  const rows: SessionRow[] = await allSessions();
  const kept = await findHistories(db, rows);
  const told = rows.flatMap((row) => {
    const history = kept.get(JSON.stringify([row.account, row.sessionId]));
    return (history && tellSession(row, history, moment)) ?? [];
  });
  const subjects = [];
  for (const reference of references) {
    const found = await findSubject(db, { referenceId: reference, account: undefined }, moment, 100);
    subjects.push({
      reference,
      sessions: bySession(found.sessions.map((row) => without(row, untold))),
      faceMatches: byDelivery(
        found.faceMatches.map((row) =>
          without(row, ['faceId', 'externalFaceId', 'collectionId', 'threshold', 'isMatch']),
        ),
      ),
      alerts: byDelivery(
        found.alerts.map((row) => without(row, ['severity', 'message', 'acknowledgedNote', 'resolvedBy'])),
      ),
    });
  }
  return { sessions: bySession(told.map((row) => without(row, untold))), subjects };
}

/** By the vendor's time alone nobody can tell when we had begun to expect a session. */
function withoutExpectation({ sessions, subjects }: Said): Said {
  const strip = (rows: Told[]) => rows.map((row) => without(row, ['expectedAt', 'expiresAt']));
  return {
    sessions: strip(sessions),
    subjects: subjects.map((subject) => ({ ...subject, sessions: strip(subject.sessions) })),
  };
}

test('guarantee 21: known_at gives exactly what the rows said at that time, whatever came since', async () => {
  await fc.assert(
    fc.asyncProperty(histories, async (steps) => {
      await emptyTables(testDatabase.db);
      const said: Said[] = [];
      await play(
        testDatabase.db,
        steps,
        () => true,
        async () => void said.push(await saidNow()),
      );
      const moments = said.map((_, index) => ({ asOf: null, knownAt: instantOf(timeOf(index)) }));
      expect(await Promise.all(moments.map(answers))).toEqual(said);
    }),
    { numRuns: runs },
  );
});

test('guarantee 21: as_of is a replay of what had happened by then, also with known_at', async () => {
  const cases = fc.tuple(histories, fc.nat(9), fc.nat(9), fc.boolean());
  await fc.assert(
    fc.asyncProperty(cases, async ([steps, atStep, lastStep, isCut]) => {
      const asOf = happenedAt(steps, atStep % steps.length);
      const last = isCut ? lastStep % steps.length : steps.length - 1;
      await emptyTables(testDatabase.db);
      await play(testDatabase.db, steps, () => true);
      const knownAt = isCut ? instantOf(timeOf(last)) : null;
      const answered = await answers({ asOf: instantOf(asOf), knownAt });
      await emptyTables(testDatabase.db);
      const hasHappened = (index: number) => index <= last && happenedAt(steps, index) <= asOf;
      let expected: Said | undefined;
      await play(testDatabase.db, steps, hasHappened, async (index) => {
        if (index === last) expected = await saidNow();
      });
      expect(withoutExpectation(answered)).toEqual(withoutExpectation(expected as Said));
    }),
    { numRuns: runs, examples: [[[lateContradiction, 0, 0, false]], [[movedDispute, 3, 0, false]]] },
  );
});

/** What we answer about the one session that is there. */
async function stateKnownAt(knownAt: Date): Promise<unknown> {
  const { sessions } = await answers({ asOf: null, knownAt: instantOf(knownAt) });
  return sessions[0]?.state;
}

const key = { sessionId: 's-1' as SessionId, account: 'default' };

async function register(at: Date, now = () => at): Promise<void> {
  const expected = { key, referenceId: null, dialect: 'reference', token: null, expectedAt: at } as const;
  const session = { ...expected, expiresAt: new Date(at.getTime() + 600_000), nextPullAt: at };
  await testDatabase.db.transaction((tx) => registerSession(tx, session, now));
}

const neverFinished = { state: 'expired', reason: 'never_finished' } as const;
const untaken = { ...key, leaseUntil: null };

test('guarantee 21: a session that is registered again while its end is written is told of as expected from then on', async () => {
  const { db } = testDatabase;
  await emptyTables(db);
  await register(timeOf(0));
  const [ending, registering] = await db.transaction(async (tx) => {
    await tx.query({ text: 'select from sessions for update' });
    return [
      await beginUntilBlocked(db, () => endSession(db, untaken, neverFinished, () => timeOf(1))),
      await beginUntilBlocked(db, () => register(timeOf(2))),
    ];
  });
  expect([ending.isBlocked, registering.isBlocked]).toEqual([true, true]);
  await Promise.all([ending.ended, registering.ended]);
  expect((await allSessions()).map(({ state }) => state)).toEqual(['expected']);
  expect(await stateKnownAt(timeOf(1))).toBe('expired');
  expect(await stateKnownAt(timeOf(2))).toBe('expected');
});

type Clock = () => Date;

async function tell(payload: object, now: Clock): Promise<void> {
  const { db } = testDatabase;
  const processing = { ...rulesOf({}), db, maxAttempts: 3, log: silent, now, onFinished: () => {} };
  await processDeliveries(processing, await store(db, [payload], { receivedAt: timeOf(0) }));
}

async function resolve(now: Clock): Promise<void> {
  const { db } = testDatabase;
  const alert = { ...key, alertId: 'f-1' };
  await db.transaction((tx) => resolveAlert(tx, alert, { by: 'somebody', note: 'seen' }, now));
}

const waiting: readonly [string, (now: Clock) => Promise<unknown>, string, string][] = [
  ['a batch', (now) => tell(verdictPayload({ session_id: key.sessionId }), now), 'expected', 'settled'],
  ['an end', (now) => endSession(testDatabase.db, untaken, neverFinished, now), 'expected', 'expired'],
  ['a registration', (now) => register(timeOf(0), now), 'expired', 'expected'],
  ['what is done about an alert', resolve, 'open', 'resolved'],
];

test.each(waiting)(
  'guarantee 21: %s that waited counts as known from when it had waited, so no answer changes behind it',
  async (what, work, before, after) => {
    const { db } = testDatabase;
    await emptyTables(db);
    await register(timeOf(0));
    const alert = { event: 'compliance.alert', alert_id: 'f-1', severity: 'low', reference_id: 'anna' };
    await tell({ ...alert, session_id: key.sessionId }, () => timeOf(0));
    if (what === 'a registration') await endSession(db, untaken, neverFinished, () => timeOf(1));
    const knownAt = async (at: Date) => {
      const { sessions, subjects } = await answers({ asOf: null, knownAt: instantOf(at) });
      return what.includes('alert') ? subjects[0]?.alerts[0]?.status : sessions[0]?.state;
    };
    let now = timeOf(1);
    const begun = await db.transaction(async (tx) => {
      await lockSessions(tx, [key]);
      const blocked = await beginUntilBlocked(db, () => work(() => now));
      now = timeOf(3);
      expect(await knownAt(timeOf(2))).toBe(before);
      return blocked;
    });
    expect(begun.isBlocked).toBe(true);
    await begun.ended;
    expect(await knownAt(timeOf(2))).toBe(before);
    expect(await knownAt(timeOf(3))).toBe(after);
  },
);
