// Guarantee 8 against the real database: any interleaving of registering, webhooks, repeats, contradictions, pulls, ends and
// crashes leaves every session in exactly one way, the one that a plain model of its history says.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { v7 as uuidV7 } from 'uuid';
import { expect, test } from 'vitest';
import { countCompleteness } from '../../src/db/completeness.ts';
import { pulledSessionHeader } from '../../src/db/deliveries.ts';
import { endSession, endUnaskable } from '../../src/db/end-sessions.ts';
import { registerSession, releaseSession, takeDueSessions } from '../../src/db/ledger.ts';
import { recordDeliveries } from '../../src/db/record-deliveries.ts';
import type { DeliveryId, SessionId } from '../../src/events/event.ts';
import { catalogueKinds } from '../../src/ilive/translate.ts';
import { processDeliveries } from '../../src/workers/process-deliveries.ts';
import { silent } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';

const testDatabase = useTestDatabase();

const startedAt = new Date('2026-04-11T09:00:00Z');
const after = (minutes: number) => new Date(startedAt.getTime() + minutes * 60_000);
const keyOf = (session: number) => ({ sessionId: `s-${session}` as SessionId, account: 'default' });

type Step =
  | { readonly do: 'register' | 'expire' | 'refuse' | 'take' | 'sweep'; readonly session: number }
  | {
      readonly do: 'webhook' | 'pull';
      readonly session: number;
      readonly verdict: string;
      readonly second: number;
    }
  | { readonly do: 'crash'; readonly session: number };

async function record(step: Extract<Step, { verdict: string }>): Promise<DeliveryId> {
  const { sessionId } = keyOf(step.session);
  const said = { verdict: step.verdict, timestamp: `2026-04-11T09:0${step.second}:00+00:00` };
  const isPull = step.do === 'pull';
  const payload = isPull ? said : { event: 'liveness.verdict', session_id: sessionId, ...said };
  const body = Buffer.from(JSON.stringify(payload));
  const [recorded] = await recordDeliveries(testDatabase.db, [
    {
      id: uuidV7() as DeliveryId,
      account: 'default',
      source: isPull ? 'pull' : 'webhook',
      webhookId: isPull ? `pull:${sessionId}` : null,
      bodySha256: createHash('sha256').update(body).digest(),
      body,
      headers: isPull ? { [pulledSessionHeader]: sessionId } : {},
      receivedAt: startedAt,
      traceId: null,
      isProven: true,
    },
  ]);
  if (recorded === undefined) throw new Error('nothing was recorded');
  return recorded.id;
}

const schedule = {
  expectedAt: startedAt,
  expiresAt: after(30),
  nextPullAt: after(1),
  token: null,
};

const process = (ids: readonly string[]) =>
  processDeliveries(
    {
      db: testDatabase.db,
      catalogue: catalogueKinds({}, []),
      ledger: {
        plan: { firstAfterMs: 20_000 },
        sessionTtlMs: 1_800_000,
        confirm: 'always',
        canPullWithoutToken: true,
      },
      maxAttempts: 3,
      log: silent,
      now: () => after(1),
      onFinished: () => {},
    },
    ids,
  );

async function play(step: Step, owed: DeliveryId[]): Promise<void> {
  const key = keyOf(step.session);
  switch (step.do) {
    case 'register': {
      const session = { key, referenceId: 'r', dialect: 'reference', ...schedule } as const;
      await testDatabase.db.transaction((tx) => registerSession(tx, session, () => startedAt));
      return;
    }
    case 'webhook':
    case 'pull':
      owed.push(await record(step));
      if (step.second !== 3) await process(owed.splice(0)); // else left to a later step, as a crash would
      return;
    case 'take': {
      const due = await takeDueSessions(testDatabase.db, {
        now: after(2),
        leaseMs: 1,
        shortLeaseMs: 1,
        lastChanceMs: 1,
        limit: 2,
      });
      for (const session of due)
        await releaseSession(testDatabase.db, session, {
          nextPullAt: after(3),
          isCounted: true,
          now: after(2),
        });
      return;
    }
    case 'expire':
      await endSession(
        testDatabase.db,
        { ...key, leaseUntil: null },
        { state: 'expired', reason: 'never_finished' },
        () => after(31),
      );
      return;
    case 'refuse':
      await endSession(
        testDatabase.db,
        { ...key, leaseUntil: null },
        { state: 'unrecoverable', reason: 'token_refused' },
        () => after(5),
      );
      return;
    case 'sweep':
      await endUnaskable(testDatabase.db, {
        expiredBefore: after(60),
        canPull: false,
        now: () => after(60),
      });
      return;
    case 'crash':
      await testDatabase.db
        .transaction(async (tx) => {
          const session = { key, referenceId: null, dialect: 'managed', ...schedule } as const;
          await registerSession(tx, session, () => startedAt);
          throw new Error('killed here');
        })
        .catch(() => {});
  }
}

// What a session must be, told from its history alone: a verdict wins over any end, and an end lasts until somebody
// registers the session anew.
function expectedState(steps: readonly Step[]): string | undefined {
  if (steps.some((step) => step.do === 'webhook' || step.do === 'pull')) return 'has a verdict';
  let state: string | undefined;
  for (const step of steps) {
    if (step.do === 'register') state = 'expected';
    if (state === 'expected' && step.do === 'expire') state = 'expired';
    if (state === 'expected' && (step.do === 'refuse' || step.do === 'sweep')) state = 'unrecoverable';
  }
  return state;
}

test('guarantee 8: any interleaving ends with every session in one way, and the counts add up', async () => {
  const session = fc.integer({ min: 1, max: 3 });
  const plain = fc.record({ do: fc.constantFrom('register', 'expire', 'refuse', 'take', 'crash'), session });
  const sweep = fc.constant({ do: 'sweep', session: 0 });
  const told = fc.record({
    do: fc.constantFrom('webhook', 'pull'),
    session,
    verdict: fc.constantFrom('pass', 'retry', 'fail'),
    second: fc.integer({ min: 1, max: 4 }),
  });
  const history = fc.array(fc.oneof(plain, plain, told, sweep), { minLength: 1, maxLength: 14 });
  await fc.assert(
    fc.asyncProperty(history, async (generated) => {
      const steps = generated as Step[];
      await testDatabase.db.query({
        text: 'truncate deliveries, delivery_bodies, sessions, observations, compliance_alerts',
      });
      const owed: DeliveryId[] = [];
      for (const step of steps) await play(step, owed);
      await process(owed);

      const rows = await testDatabase.db.query<{ id: string; state: string; nextPullAt: string | null }>({
        text: `select session_id as id, state, next_pull_at as "nextPullAt" from sessions`,
      });
      const states = new Map(rows.map((row) => [row.id, row.state]));
      for (const number of [1, 2, 3]) {
        const own = steps.filter((step) => step.session === number || step.do === 'sweep');
        const state = states.get(`s-${number}`);
        const expected = expectedState(own);
        if (expected === 'has a verdict') expect(['settled', 'disputed']).toContain(state);
        else expect(state).toBe(expected);
      }
      for (const row of rows.filter(({ state }) => state === 'expired' || state === 'unrecoverable')) {
        expect(row.nextPullAt).toBeNull();
      }
      const counts = await countCompleteness(testDatabase.db, new Date(0), after(600));
      const { settledByWebhook, settledByPull, disputed, expired, unrecoverable, open } = counts;
      expect(settledByWebhook + settledByPull + disputed + expired + unrecoverable + open).toBe(rows.length);
      expect(counts.expected).toBe(rows.length);
      expect(open).toBe(rows.filter(({ state }) => state === 'expected').length);
    }),
    { numRuns: 150 },
  );
});

test('guarantee 8: one whose turn has not come within a day of its end is over, and no sooner', async () => {
  const { db } = testDatabase;
  await db.query({ text: 'truncate sessions' });
  await db.query({
    text: `insert into sessions (session_id, account, state, confirmation, expected_at, expires_at, next_pull_at)
           select 'starved', 'default', 'expected', 'unconfirmed', $1, $2, $2`,
    values: [startedAt.toISOString(), after(30).toISOString()],
  });
  const endBefore = (minutes: number) =>
    endUnaskable(db, { expiredBefore: after(minutes), canPull: true, now: () => after(minutes) });
  expect(await endBefore(24 * 60)).toEqual([]);
  expect(await endBefore(24 * 60 + 31)).toEqual(['not_answered']);
  expect(await db.query({ text: 'select state, ended_reason as reason from sessions' })).toEqual([
    { state: 'unrecoverable', reason: 'not_answered' },
  ]);
});

test('what nobody can ask about is ended in pieces, all of it in one turn', async () => {
  const { db } = testDatabase;
  await db.query({ text: 'truncate sessions' });
  await db.query({
    text: `insert into sessions (session_id, account, state, confirmation, expected_at, expires_at)
           select i::text, 'default', 'expected', 'unconfirmed', $1, $2 from generate_series(1, 1201) i`,
    values: [startedAt.toISOString(), after(30).toISOString()],
  });
  const unaskable = { expiredBefore: after(60), canPull: true, now: () => after(60) };
  expect(await endUnaskable(db, unaskable)).toEqual(Array.from({ length: 1201 }, () => 'no_token'));
  expect(await endUnaskable(db, unaskable)).toEqual([]);
});
