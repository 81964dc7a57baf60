// What nobody has proven never stands for anything: neither beside what is proven, nor before it.
import { createHash, randomUUID } from 'node:crypto';
import { v7 as uuidV7 } from 'uuid';
import { expect, test } from 'vitest';
import type { RefusalFilter } from '../../src/db/find-refusals.ts';
import { recordDeliveries } from '../../src/db/record-deliveries.ts';
import { recordRefusals } from '../../src/db/refusals.ts';
import type { DeliveryId, SessionId } from '../../src/events/event.ts';
import type { IliveClient } from '../../src/ilive/client.ts';
import { admitJudged, judgeByPull } from '../../src/operations/admit-by-pull.ts';
import { describeDelivery } from '../../src/operations/webhook-delivery.ts';
import { describePulled } from '../../src/reconcile/pulled-delivery.ts';
import { type Reply, startClient } from '../support/fake-ilive-http.ts';
import { refusal } from '../support/kept-refusals.ts';
import { process, rulesOf, store } from '../support/replaying.ts';
import { verdictPayload } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';

const testDatabase = useTestDatabase();

const at = (second: number) => `2026-04-11T09:30:1${second}.000000+00:00`;

interface Sent {
  readonly isProven: boolean;
  readonly webhookId: string | undefined;
}

async function receive(payload: object, { isProven, webhookId }: Sent) {
  const delivery = describeDelivery({
    id: uuidV7() as DeliveryId,
    account: 'default',
    headers: { 'x-ilive-webhook-id': webhookId },
    body: Buffer.from(JSON.stringify(payload)),
    receivedAt: new Date(),
    isProven,
  });
  const [recorded] = await recordDeliveries(testDatabase.db, [delivery]);
  if (recorded === undefined) throw new Error('every delivery is answered');
  await process(testDatabase.db, [recorded.id]);
  return recorded;
}

async function refuse(payload: object, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const body = Buffer.from(JSON.stringify(payload));
  const kept = refusal('192.0.2.1', 0, {
    reason: 'missing_signature',
    requestSha256: createHash('sha256').update(body).digest(),
    headers: Buffer.from(JSON.stringify(headers)),
    body,
    bodyBytes: body.length,
  });
  await recordRefusals(testDatabase.db, [kept], { maxCount: 100, maxBytes: 100_000 });
  return kept.id;
}

/** Admits refusals by the answers that we have already, or that `client` brings. */
async function admit(given: string | readonly string[], client?: IliveClient) {
  const { db } = testDatabase;
  const rules = { ...rulesOf({}), cipher: undefined, client, dialect: 'reference' as const };
  const filter: RefusalFilter = { ids: [given].flat() };
  const judged = await judgeByPull({ db, ...rules }, { filter, after: undefined, limit: 10 });
  const admitted = await db.transaction((tx) => admitJudged(tx, judged, { limit: 10, now: new Date() }));
  await process(db, admitted.deliveryIds);
  return admitted;
}

async function sessionOf(sessionId: string) {
  const [session] = await testDatabase.db.query({
    text: `select state, verdict, confidence, confirmation, settled_source,
                  (select count(*)::int from observations o where o.session_id = s.session_id) as observations
           from sessions s where session_id = $1`,
    values: [sessionId],
  });
  return session;
}

test.each([
  ['a time in its payload', { timestamp: '9999-12-31T23:59:59Z' }, {}],
  ['a time in its header', { timestamp: undefined }, { 'x-ilive-timestamp': '99999999999' }],
  ['nothing but what iLive says', { timestamp: at(1), confidence: 0.9 }, {}],
  ['no confidence', { confidence: undefined }, {}],
])(
  'guarantee 13: a refusal that was admitted by a pull masks no later verdict, whatever else it says: %s',
  async (_, forged, headers) => {
    const { db } = testDatabase;
    const session = randomUUID();
    const told = verdictPayload({ session_id: session, verdict: 'pass', timestamp: at(1), confidence: 0.9 });
    const answer = { asked: session, verdict: 'pass', completed_at: at(1), confidence: 0.9 };
    await process(db, await store(db, [told, answer]));
    const before = await sessionOf(session);
    expect(before).toMatchObject({ state: 'settled', confirmation: 'confirmed', observations: 2 });
    const id = await refuse(
      { event: 'liveness.verdict', session_id: session, verdict: 'pass', ...forged },
      headers,
    );
    expect(await admit(id)).toMatchObject({ admitted: 1, alreadyStored: 0 });
    expect(await sessionOf(session)).toEqual(before);
    const later = verdictPayload({ session_id: session, verdict: 'fail', timestamp: at(5) });
    await process(db, await store(db, [later]));
    expect(await sessionOf(session)).toMatchObject({ state: 'disputed', verdict: 'fail' });
  },
);

test("a refusal that iLive's word admits is no second source: the session stays unconfirmed", async () => {
  const { db } = testDatabase;
  const session = randomUUID();
  await process(db, await store(db, [{ asked: session, verdict: 'pass', completed_at: at(1) }]));
  const id = await refuse(
    verdictPayload({ session_id: session, verdict: 'pass', timestamp: at(1), reference_id: null }),
  );
  const { deliveryIds } = await admit(id);
  expect(await sessionOf(session)).toMatchObject({ confirmation: 'unconfirmed', settled_source: 'pull' });
  const rows = await db.query({
    text: 'select state, decision, is_proven, admission from deliveries where id = any($1)',
    values: [deliveryIds],
  });
  expect(rows).toEqual([{ state: 'done', decision: 'record', is_proven: false, admission: 'pull' }]);
});

const retriedAt = at(1);
const saysPass: Reply = { json: { verdict: 'pass', completed_at: at(5) } };
const keyRefused: Reply = { status: 401, json: { detail: { code: 'invalid_api_key', message: 'No.' } } };
const saysRetry: Reply = { json: { verdict: 'retry', completed_at: retriedAt } };

test.each([
  ['a second try was passed', saysPass, {}, 'pass'],
  ['it says the same', saysRetry, { contradicted: 1 }, 'retry'],
  ['it has forgotten the session', { status: 404 }, { no_answer: 1 }, 'retry'],
  ['it is away', { status: 503 }, { vendor_away: 1 }, 'retry'],
  ['it refuses our key', keyRefused, { vendor_away: 1 }, 'retry'],
] as const)(
  'guarantee 13: iLive is asked again where what it said before contradicts a refusal: %s',
  async (_, reply, leftByReason, verdict) => {
    const { db } = testDatabase;
    const session = randomUUID();
    await process(db, await store(db, [{ asked: session, verdict: 'retry', completed_at: retriedAt }]));
    const passed = { session_id: session, verdict: 'pass', timestamp: at(5), reference_id: null };
    const id = await refuse(verdictPayload(passed));
    await using iLive = await startClient([reply]);
    const admitted = await admit(id, iLive.client);
    expect(admitted).toMatchObject({ admitted: verdict === 'pass' ? 1 : 0, leftByReason });
    expect(iLive.vendor.asked.length).toBeGreaterThan(0);
    expect(await sessionOf(session)).toMatchObject({ state: 'settled', verdict, settled_source: 'pull' });
  },
);

test('iLive is asked once about a session, however many refusals of it contradict what it said before', async () => {
  const { db } = testDatabase;
  const session = randomUUID();
  await process(db, await store(db, [{ asked: session, verdict: 'retry', completed_at: retriedAt }]));
  const ids: string[] = [];
  for (const second of [5, 6, 7]) {
    const passed = { session_id: session, verdict: 'pass', timestamp: at(second), reference_id: null };
    ids.push(await refuse(verdictPayload(passed)));
  }
  await using iLive = await startClient([saysPass]);
  expect(await admit(ids, iLive.client)).toMatchObject({ admitted: 3 });
  expect(iLive.vendor.asked.length).toBe(1);
  expect(await sessionOf(session)).toMatchObject({ verdict: 'pass', observations: 2 });
});

test('without an API key what iLive said before still counts, and a contradiction keeps no other from being admitted', async () => {
  const { db } = testDatabase;
  const session = randomUUID();
  await process(db, await store(db, [{ asked: session, verdict: 'retry', completed_at: retriedAt }]));
  const told = { session_id: session, timestamp: at(5), reference_id: null };
  const ids = [
    await refuse(verdictPayload({ ...told, verdict: 'pass' })),
    await refuse(verdictPayload({ ...told, verdict: 'retry' })),
  ];
  expect(await admit(ids)).toMatchObject({ admitted: 1, leftByReason: { contradicted: 1 } });
});

test('iLive is not asked again where what it said before agrees with a refusal', async () => {
  const { db } = testDatabase;
  const session = randomUUID();
  await process(db, await store(db, [{ asked: session, verdict: 'pass', completed_at: at(1) }]));
  const id = await refuse(verdictPayload({ session_id: session, timestamp: at(1), reference_id: null }));
  await using iLive = await startClient([saysRetry]);
  expect(await admit(id, iLive.client)).toMatchObject({ admitted: 1 });
  expect(iLive.vendor.asked).toEqual([]);
});

test.each(['w-1', undefined])(
  'guarantee 11: what is signed is no repeat of the same bytes unsigned, under the webhook id %s',
  async (webhookId) => {
    const { db } = testDatabase;
    const session = randomUUID();
    const payload = verdictPayload({ session_id: session, verdict: 'pass' });
    const hints = [
      await receive(payload, { isProven: false, webhookId }),
      await receive(payload, { isProven: false, webhookId }),
    ];
    expect(hints.map(({ isRepeat }) => isRepeat)).toEqual([false, true]);
    expect(await sessionOf(session)).toMatchObject({ state: 'expected', observations: 0 });
    const signed = await receive(payload, { isProven: true, webhookId });
    expect(signed.isRepeat).toBe(false);
    expect(await sessionOf(session)).toMatchObject({ state: 'settled', verdict: 'pass', observations: 1 });
    expect(await receive(payload, { isProven: true, webhookId })).toEqual({ id: signed.id, isRepeat: true });

    const face = { event: 'face.matched', match_id: `m-${webhookId}`, similarity: 0.9 };
    await receive(face, { isProven: false, webhookId });
    await receive(face, { isProven: true, webhookId });
    expect(
      await db.query({
        text: 'select similarity from face_matches where match_id = $1',
        values: [face.match_id],
      }),
    ).toEqual([{ similarity: 0.9 }]);
  },
);

test("guarantee 11: an answer of iLive's is no repeat of an unsigned request that says it came from a pull", async () => {
  const key = { sessionId: randomUUID() as SessionId, account: 'default' };
  const answer = { verdict: 'fail' };
  await receive(answer, { isProven: false, webhookId: `pull:${key.sessionId}` });
  const pulled = describePulled(key, Buffer.from(JSON.stringify(answer)), new Date());
  expect(await recordDeliveries(testDatabase.db, [pulled])).toEqual([{ id: pulled.id, isRepeat: false }]);
});

test('guarantee 11: one answer about two sessions whose long ids begin alike is two deliveries', async () => {
  const [one, other] = ['1', '2'].map((end) =>
    describePulled(
      { sessionId: `${'x'.repeat(200)}${end}` as SessionId, account: 'default' },
      Buffer.from('{"verdict":"pass"}'),
      new Date(),
    ),
  );
  if (one === undefined || other === undefined) throw new Error('there are two');
  const recorded = await recordDeliveries(testDatabase.db, [one, other]);
  expect(recorded.map(({ isRepeat }) => isRepeat)).toEqual([false, false]);
});

test('an unsigned delivery has iLive asked again about a settled session where it says another verdict, and only then', async () => {
  const { db } = testDatabase;
  const session = randomUUID();
  await process(db, await store(db, [{ asked: session, verdict: 'retry', completed_at: at(1) }]));
  const isDue = async () => {
    const [row] = await db.query<{ isDue: boolean }>({
      text: `select next_pull_at is not null as "isDue" from sessions where session_id = $1`,
      values: [session],
    });
    return row?.isDue;
  };
  const hint = (payload: object) =>
    receive({ ...payload, session_id: session }, { isProven: false, webhookId: randomUUID() });
  await hint(verdictPayload({ verdict: 'retry' }));
  const face = { event: 'face.matched', match_id: randomUUID(), similarity: 0.9 };
  await hint(face);
  expect(await isDue()).toBe(false);
  await hint(verdictPayload({ verdict: 'pass' }));
  expect(await isDue()).toBe(true);
  await receive({ ...face, session_id: session }, { isProven: true, webhookId: undefined });
  expect(await isDue()).toBe(true);
  await process(db, await store(db, [{ asked: session, verdict: 'pass', completed_at: at(5) }]));
  expect(await sessionOf(session)).toMatchObject({
    state: 'settled',
    verdict: 'pass',
    settled_source: 'pull',
  });
  expect(await isDue()).toBe(false);
});
