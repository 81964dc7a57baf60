// What a worker does with a batch, against the real database: effect and state in one commit, convergence for any order,
// and one bad row that costs its neighbours nothing.
import { createHash, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { v7 as uuidV7 } from 'uuid';
import { beforeEach, expect, test } from 'vitest';
import type { FinishedDelivery } from '../../src/db/deliveries.ts';
import { recordDeliveries } from '../../src/db/record-deliveries.ts';
import type { DeliveryId } from '../../src/events/event.ts';
import { catalogueKinds } from '../../src/ilive/translate.ts';
import { processDeliveries } from '../../src/workers/process-deliveries.ts';
import { silent, verdictPayload } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';

const testDatabase = useTestDatabase();

const ledgerRules = {
  plan: { firstAfterMs: 20_000 },
  sessionTtlMs: 1_800_000,
  confirm: 'never' as const,
  canPullWithoutToken: true,
};

const effectTables = ['sessions', 'observations', 'face_matches', 'compliance_alerts'];

beforeEach(async () => {
  await testDatabase.db.query({ text: `truncate deliveries, delivery_bodies, ${effectTables.join(', ')}` });
});

async function store(...payloads: object[]): Promise<DeliveryId[]> {
  const group = payloads.map((payload) => {
    const body = Buffer.from(JSON.stringify(payload));
    return {
      id: uuidV7() as DeliveryId,
      account: 'default',
      source: 'webhook' as const,
      webhookId: randomUUID(),
      bodySha256: createHash('sha256').update(body).digest(),
      body,
      headers: {},
      receivedAt: new Date(),
      traceId: null,
      isProven: true,
    };
  });
  return (await recordDeliveries(testDatabase.db, group)).map((recorded) => recorded.id);
}

function process(
  ids: readonly string[],
  changes: { maxAttempts?: number; finished?: FinishedDelivery[]; laterMs?: number } = {},
) {
  const deps = {
    db: testDatabase.db,
    catalogue: catalogueKinds({}, ['ignored.kind']),
    ledger: ledgerRules,
    maxAttempts: changes.maxAttempts ?? 3,
    log: silent,
    now: () => new Date(Date.now() + (changes.laterMs ?? 0)),
    onFinished: (finished: readonly FinishedDelivery[]) => void changes.finished?.push(...finished),
  };
  return processDeliveries(deps, ids);
}

function deliveryRows(): Promise<
  { id: string; state: string; decision: string; reason: string; attempts: number }[]
> {
  return testDatabase.db.query({
    text: 'select id, state, decision, reason, attempts from deliveries order by id',
  });
}

// Every row of every effect, without the columns that tell when we came round to it and when we mean to ask.
async function effects(): Promise<unknown> {
  const rows = effectTables.map((table) =>
    testDatabase.db.query({
      text: `select to_jsonb(t) - '{settled_at,known_at,next_pull_at}'::text[] as row from ${table} t order by 1`,
    }),
  );
  return Promise.all(rows);
}

test('guarantee 6: any order, any batching and any repetition of the same deliveries end in the same rows', async () => {
  const sessionIds = ['s-1', 's-2', 's-3'];
  const time = fc.integer({ min: 1, max: 3 }).map((second) => `2026-04-11T09:30:0${second}+00:00`);
  const session_id = fc.constantFrom(...sessionIds);
  const payload = fc.oneof(
    fc.record({
      event: fc.constant('liveness.verdict'),
      session_id,
      verdict: fc.constantFrom('pass', 'retry', 'fail'),
      reference_id: fc.constantFrom(null, 'u-1', 'u-2'),
      timestamp: time,
    }),
    fc.record({
      event: fc.constant('face.matched'),
      session_id,
      match_id: fc.constantFrom('m-1', 'm-2'),
      similarity: fc.constantFrom(0.1, 0.9),
      timestamp: time,
    }),
    fc.record({
      event: fc.constant('compliance.alert'),
      alert_id: fc.constantFrom('a-1', 'a-2'),
      severity: fc.constantFrom('low', 'high'),
      timestamp: time,
    }),
  );
  const plan = fc.tuple(
    fc.array(payload, { minLength: 1, maxLength: 12 }),
    fc.infiniteStream(fc.nat()),
    fc.integer({ min: 1, max: 5 }),
  );
  await fc.assert(
    fc.asyncProperty(plan, async ([payloads, random, batchSize]) => {
      await testDatabase.db.query({
        text: `truncate deliveries, delivery_bodies, ${effectTables.join(', ')}`,
      });
      const ids = await store(...payloads);
      await process(ids);
      const expected = await effects();
      await testDatabase.db.query({ text: `truncate ${effectTables.join(', ')}` });
      await testDatabase.db.query({ text: `update deliveries set state = 'received', attempts = 0` });

      const numbered = [...ids, ...ids].map((id) => ({ id, order: random.next().value ?? 0 }));
      const shuffled = numbered.sort((a, b) => a.order - b.order).map(({ id }) => id);
      const batches: DeliveryId[][] = [];
      for (let start = 0; start < shuffled.length; start += batchSize)
        batches.push(shuffled.slice(start, start + batchSize));
      // Two workers at once, then whatever they left to each other.
      await Promise.all(
        [0, 1].map(async (worker) => {
          for (const [index, batch] of batches.entries()) if (index % 2 === worker) await process(batch);
        }),
      );
      await process(ids);
      expect(await effects()).toEqual(expected);
    }),
    { numRuns: 60 },
  );
});

test('one row that the database refuses is parked alone, with its reason, and its neighbours are done', async () => {
  await testDatabase.db.query({
    text: `alter table sessions add constraint no_poison check (reference_id <> 'poison')`,
  });
  try {
    const payloads = Array.from({ length: 9 }, (_, index) =>
      verdictPayload(index === 4 ? { reference_id: 'poison' } : {}),
    );
    const finished: FinishedDelivery[] = [];
    await process(await store(...payloads), { finished });
    const rows = await deliveryRows();
    expect(rows.map((row) => row.state)).toEqual(
      payloads.map((_, index) => (index === 4 ? 'parked' : 'done')),
    );
    expect(rows[4]).toMatchObject({ reason: 'rejected_by_database', decision: 'park' });
    expect(finished).toHaveLength(9);
    expect(finished.find((delivery) => delivery.state === 'parked')?.detail).toBe('SQLSTATE 23514');
  } finally {
    await testDatabase.db.query({ text: 'alter table sessions drop constraint no_poison' });
  }
});

async function whileSessionsRaise(sqlState: string, work: () => Promise<void>): Promise<void> {
  await testDatabase.db.query({
    text: `create function raise_it() returns trigger language plpgsql as
           $$ begin raise exception 'as ordered' using errcode = '${sqlState}'; end $$`,
  });
  await testDatabase.db.query({
    text: 'create trigger raise_it before insert on sessions for each row execute function raise_it()',
  });
  try {
    await work();
  } finally {
    await testDatabase.db.query({ text: 'drop function raise_it cascade' });
  }
}

test('guarantee 5: what fails leaves no half of an effect, is tried again, and is parked once its attempts are spent', async () => {
  const ids = await store(verdictPayload());
  await whileSessionsRaise('P0001', async () => {
    await process(ids, { maxAttempts: 3 });
    expect(await deliveryRows()).toMatchObject([{ state: 'received', attempts: 1 }]);
    expect(await effects()).toEqual([[], [], [], []]);
    await process(ids, { laterMs: 19_000 });
    expect(await deliveryRows()).toMatchObject([{ state: 'received', attempts: 1 }]);
    await process(ids, { laterMs: 21_000 });
    expect(await deliveryRows()).toMatchObject([{ state: 'received', attempts: 2 }]);
    await process(ids, { laterMs: 85_000 });
  });
  expect(await deliveryRows()).toMatchObject([{ state: 'parked', reason: 'attempts_spent', attempts: 3 }]);
});

test('trouble of the database costs no attempt and is thrown', async () => {
  const ids = await store(verdictPayload());
  await whileSessionsRaise('57P01', async () => {
    await expect(process(ids)).rejects.toMatchObject({ code: 'unavailable' });
  });
  expect(await deliveryRows()).toMatchObject([{ state: 'received', attempts: 0 }]);
  await process(ids);
  expect(await deliveryRows()).toMatchObject([{ state: 'done', decision: 'settle' }]);
});

test('a delivery that another worker holds is left to it', async () => {
  const [first = '', second = ''] = await store(verdictPayload(), verdictPayload());
  await testDatabase.db.transaction(async (tx) => {
    await tx.query({ text: 'select from deliveries where id = $1 for update', values: [first] });
    await process([first, second]);
  });
  expect((await deliveryRows()).map((row) => row.state)).toEqual(['received', 'done']);
});

test('each kind ends where it should, and says by which decision', async () => {
  const verdict = verdictPayload();
  await process(
    await store(
      verdict,
      { ...verdict, extra: 1 },
      { ...verdict, verdict: 'fail' },
      { event: 'face.matched', similarity: 0.9, session_id: 'only-mentioned' },
      { event: 'compliance.alert', alert_id: 'a-1', severity: 'low' },
      { event: 'nobody.knows' },
      { event: 'ignored.kind' },
      [],
    ),
  );
  expect((await deliveryRows()).map(({ state, decision, reason }) => [state, decision, reason])).toEqual([
    ['done', 'settle', null],
    ['done', 'repeat', null],
    ['parked', 'dispute', 'disputed'],
    ['done', 'record', null],
    ['done', 'record', null],
    ['parked', 'park', 'unknown_kind'],
    ['ignored', 'ignore', null],
    ['parked', 'park', 'not_an_object'],
  ]);
  const sessions = await testDatabase.db.query({
    text: 'select session_id, state, verdict from sessions order by state',
  });
  expect(sessions).toEqual([
    { session_id: verdict.session_id, state: 'disputed', verdict: 'fail' },
    { session_id: 'only-mentioned', state: 'expected', verdict: null },
  ]);
});

test('a delivery whose bytes retention has dropped is parked and says so', async () => {
  const ids = await store(verdictPayload());
  await testDatabase.db.query({ text: 'truncate delivery_bodies' });
  await process(ids);
  expect(await deliveryRows()).toMatchObject([{ state: 'parked', reason: 'body_missing' }]);
});

test('accounts share no sessions: the same id under another account is another session', async () => {
  const payload = verdictPayload();
  const ids = await store(payload, { ...payload, verdict: 'fail' });
  await testDatabase.db.query({
    text: `update deliveries set account = 'other' where id = $1`,
    values: [ids[1]],
  });
  await process(ids);
  const sessions = await testDatabase.db.query({
    text: 'select account, state, verdict from sessions order by account',
  });
  expect(sessions).toEqual([
    { account: 'default', state: 'settled', verdict: 'pass' },
    { account: 'other', state: 'settled', verdict: 'fail' },
  ]);
});
