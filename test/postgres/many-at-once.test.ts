// After an outage everything is due or owed at once: then finding what is next does not cost by how much there is, bodies are
// taken by their bytes, and what cannot be processed holds up nothing behind it.
import { randomBytes } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import type { FinishedDelivery } from '../../src/db/deliveries.ts';
import { releaseSession, takeDueSessions } from '../../src/db/ledger.ts';
import type { DeliveryId } from '../../src/events/event.ts';
import { createSweep, type SweepDependencies } from '../../src/reconcile/sweep.ts';
import { processDeliveries } from '../../src/workers/process-deliveries.ts';
import { connectTo } from '../support/connect-to.ts';
import { rulesOf, store } from '../support/replaying.ts';
import { silent, verdictPayload } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';

const database = useTestDatabase();
const now = new Date(Date.UTC(2026, 3, 11, 9, 30));
const minutes = (count: number) => new Date(now.getTime() + count * 60_000).toISOString();

interface Due {
  readonly id: string;
  readonly attempts?: number;
  readonly dueAt?: string;
  readonly expiresAt?: string;
  readonly waitedUntil?: string;
}

async function expectDue(sessions: readonly Due[]): Promise<void> {
  await database.db.query({
    text: `
      insert into sessions (session_id, account, state, confirmation, expected_at, dialect, pull_attempts, next_pull_at, expires_at,
                            waited_until)
      select id, 'default', 'expected', 'unconfirmed', $6, 'reference', attempts, due_at, expires_at, waited_until
      from unnest($1::text[], $2::int[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[])
        as s (id, attempts, due_at, expires_at, waited_until)`,
    values: [
      sessions.map(({ id }) => id),
      sessions.map(({ attempts }) => attempts ?? 0),
      sessions.map(({ dueAt }) => dueAt ?? minutes(-1)),
      sessions.map(({ expiresAt }) => expiresAt ?? minutes(20)),
      sessions.map(({ waitedUntil }) => waitedUntil ?? null),
      minutes(-10),
    ],
  });
}

test('the next session to ask about is the most urgent of 5,000 that are due, and few others are looked at', async () => {
  // By keys, as the pool of a worker.
  const db = connectTo(database.url, { maxConnections: 1, goesByKeys: true });
  onTestFinished(() => db.close());
  await expectDue(Array.from({ length: 5_000 }, (_, index) => ({ id: `usual-${index}`, attempts: 3 })));
  await expectDue([
    { id: 'not yet', attempts: 0, dueAt: minutes(1), expiresAt: minutes(0.5) },
    { id: 'asked twice, a minute ago', attempts: 2 },
    { id: 'asked twice, due for longer', attempts: 2, dueAt: minutes(-3) },
    { id: 'waited for', attempts: 200, waitedUntil: minutes(0.1) },
    { id: 'no longer waited for', attempts: 200, waitedUntil: minutes(-0.1) },
    { id: 'last chance', attempts: 300, expiresAt: minutes(0.9) },
    { id: 'over, asked more often', attempts: 301, expiresAt: minutes(-0.9) },
    { id: 'over for long', attempts: 1, expiresAt: minutes(-9) },
  ]);
  const take = (limit: number) =>
    db.transaction(async (tx) => {
      const taken = await takeDueSessions(tx, {
        now,
        leaseMs: 60_000,
        shortLeaseMs: 30_000,
        lastChanceMs: 60_000,
        limit,
      });
      const [row] = await tx.query<{ looked: string }>({
        text: `select pg_stat_get_xact_tuples_returned('sessions'::regclass)
                    + pg_stat_get_xact_tuples_fetched('sessions'::regclass) as looked`,
      });
      return { ids: taken.map(({ sessionId }) => sessionId), looked: Number(row?.looked) };
    });
  const order: string[] = [];
  for (let turn = 0; turn < 8; turn += 1) {
    const { ids, looked } = await take(1);
    order.push(...ids);
    expect(looked, `rows looked at to take ${ids.join()}`).toBeLessThan(500);
  }
  expect(order).toEqual([
    'last chance',
    'over, asked more often',
    'waited for',
    'over for long',
    'asked twice, due for longer',
    'asked twice, a minute ago',
    expect.stringMatching(/^usual-/),
    expect.stringMatching(/^usual-/),
  ]);
  expect(new Set((await take(50)).ids).size).toBe(50);

  await db.query({ text: 'truncate sessions' });
  await expectDue([{ id: 'asked a hundred times', attempts: 100 }]);
  expect((await take(50)).ids).toEqual(['asked a hundred times']);
  expect((await take(50)).ids).toEqual([]);
});

test('guarantee 8: what ends now is asked about in time, however many are over and due again and again', async () => {
  const { db } = database;
  await db.query({ text: 'truncate sessions' });
  const over = { attempts: 3, expiresAt: minutes(-30), dueAt: minutes(-1) };
  await expectDue(Array.from({ length: 700 }, (_, index) => ({ id: `over-${index}`, ...over })));
  await expectDue([{ id: 'ends', attempts: 50, expiresAt: minutes(0.5), dueAt: minutes(-0.5) }]);
  let endsAskedAt: number | undefined;
  for (let second = 0; second < 60 && endsAskedAt === undefined; second += 1) {
    const at = new Date(now.getTime() + second * 1_000);
    const due = await takeDueSessions(db, {
      now: at,
      leaseMs: 60_000,
      shortLeaseMs: 30_000,
      lastChanceMs: 60_000,
      limit: 10,
    });
    if (due.some(({ sessionId }) => sessionId === 'ends')) endsAskedAt = second;
    const nextPullAt = new Date(at.getTime() + 60_000);
    for (const session of due) await releaseSession(db, session, { nextPullAt, isCounted: true, now: at });
  }
  expect(endsAskedAt).toBe(0);
  await db.query({ text: 'truncate sessions' });
});

test('guarantee 10: a batch of large bodies is taken in pieces of 16 MiB, and all of it', async () => {
  const { db } = database;
  const padding = () => randomBytes(500_000).toString('hex');
  const payloads = Array.from({ length: 20 }, () => ({ ...verdictPayload(), padding: padding() }));
  const ids = await store(db, payloads);
  const pieces: number[] = [];
  const finished: DeliveryId[] = [];
  const onFinished = (piece: readonly FinishedDelivery[]) => {
    pieces.push(piece.length);
    finished.push(...piece.map(({ id }) => id));
  };
  await processDeliveries({ ...rulesOf({}), db, maxAttempts: 3, log: silent, onFinished }, ids.toReversed());
  expect(finished).toEqual(ids);
  expect(pieces).toEqual([16, 4]);
});

const work = (ids: readonly string[]) =>
  processDeliveries(
    { ...rulesOf({}), db: database.db, maxAttempts: 3, log: silent, onFinished: () => {} },
    ids,
  );

/** A turn of a sweep that remembers the one before. */
function sweepOf(calls: Pick<SweepDependencies, 'announce' | 'process'>): () => Promise<void> {
  const sweep = createSweep({
    ...calls,
    db: database.db,
    overdueMs: 1_000,
    batchMaxIds: 4,
    isPaused: () => false,
    log: silent,
    now: () => new Date(),
    onSwept: () => {},
  });
  return () => sweep(new AbortController().signal);
}

async function findOwed(): Promise<DeliveryId[]> {
  const owed = await database.db.query<{ id: DeliveryId }>({
    text: `select id from deliveries where state = 'received' order by id`,
  });
  return owed.map(({ id }) => id);
}

test('a sweep goes on behind what cannot be processed, and fails only then', async () => {
  const ids = await store(database.db, Array.from({ length: 12 }, verdictPayload), {
    receivedAt: new Date(0),
  });
  const stuck = new Set<string>(ids.slice(0, 4));
  const sweep = sweepOf({
    announce: async () => false,
    process: async (batch) => {
      if (batch.some((id) => stuck.has(id))) throw new Error('stuck');
      await work(batch);
    },
  });
  await expect(sweep()).rejects.toThrow('stuck');
  expect(await findOwed()).toEqual(ids.slice(0, 4));
  await work(ids);
});

test('guarantee 2: a sweep whose rings seem to be heard, and are not, processes itself what it rang for', async () => {
  const ids = await store(database.db, Array.from({ length: 3 }, verdictPayload), {
    receivedAt: new Date(0),
  });
  const rung: string[] = [];
  const sweep = sweepOf({
    announce: async (batch) => {
      rung.push(...batch);
      return true;
    },
    process: work,
  });
  await sweep();
  expect({ rung, owed: await findOwed() }).toEqual({ rung: ids, owed: ids });
  await sweep();
  expect({ rung, owed: await findOwed() }).toEqual({ rung: ids, owed: [] });
});
