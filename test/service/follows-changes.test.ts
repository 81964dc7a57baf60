// Following what changes, page by page: from any cursor that is kept, without skipping or repeating; and what happens to cursors
// that are too old.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dropOldChanges, renewGeneration } from '../../src/db/changes.ts';
import { beginUntilBlocked } from '../support/blocked.ts';
import { follow, latest, settled } from '../support/changes.ts';
import { startTestService, type TestService, verdictPayload } from '../support/service.ts';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service?.stop());

test('guarantee 22: what settles, is disputed and recorded is told once each, in order, with what was said then', async () => {
  const after = await latest(service);
  const payload = verdictPayload({ reference_id: 'anna' });
  await service.deliver(payload);
  await settled(service);
  await service.deliver(payload);
  await service.deliver({ event: 'face.matched', match_id: 'm-1', similarity: 0.91, reference_id: 'anna' });
  await settled(service);
  await service.deliver({ ...payload, verdict: 'fail' });
  await settled(service);
  const utc = expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/);
  const changes = await follow(service, after);
  expect(changes.map(({ type }: { type: string }) => type)).toEqual([
    'session_settled',
    'face_match_recorded',
    'session_disputed',
    'compliance_alert_recorded',
  ]);
  expect(changes[0]).toEqual({
    cursor: expect.any(String),
    type: 'session_settled',
    at: utc,
    account: 'default',
    session_id: payload.session_id,
    reference_id: 'anna',
    session: {
      state: 'settled',
      verdict: 'pass',
      confidence: 0.8732,
      verdict_at: '2026-04-11T09:30:12.456789Z',
      confirmation: 'unconfirmed',
      settled_by: expect.any(String),
      settled_source: 'webhook',
      ended_reason: null,
    },
  });
  expect(changes[1]).toMatchObject({
    reference_id: 'anna',
    face_match: { match_id: 'm-1', similarity: 0.91 },
  });
  expect(changes[2]).toMatchObject({ session: { state: 'disputed', verdict: 'fail' } });
  expect(changes[3]).toMatchObject({ compliance_alert: { category: 'verdict_dispute', status: 'open' } });
  expect(await follow(service, changes[1].cursor)).toEqual(changes.slice(2));
});

test('pages of any size and any choice of types give the same changes', async () => {
  const after = await latest(service);
  for (let index = 0; index < 5; index += 1) {
    await service.deliver(verdictPayload());
    await service.deliver({ event: 'face.matched', match_id: randomUUID(), similarity: 0.5 });
  }
  await settled(service);
  const all = await follow(service, after);
  expect(all).toHaveLength(10);
  for (const limit of [1, 3, 10, 1000]) expect(await follow(service, after, `&limit=${limit}`)).toEqual(all);
  const ofOneType = all.filter(({ type }) => type === 'session_settled');
  expect(ofOneType).toHaveLength(5);
  expect(await follow(service, after, '&types=session_settled&limit=2')).toEqual(ofOneType);
  expect(await follow(service, after, '&types=session_settled,face_match_recorded')).toEqual(all);
});

test('whoever waits is answered the moment something changes, and with nothing when the time is over', async () => {
  const after = await latest(service);
  const answer = service.get(`/v1/changes?after=${after}&wait=30s&types=session_settled`);
  await service.deliver({ event: 'face.matched', match_id: randomUUID(), similarity: 0.5 });
  await service.deliver(verdictPayload());
  expect((await answer).body.data).toMatchObject([{ type: 'session_settled' }]);
  await settled(service);
  const end = await latest(service);
  const { status, body } = await service.get(`/v1/changes?after=${end}&wait=100ms`);
  expect({ status, body }).toEqual({ status: 200, body: { data: [], next_cursor: end, has_more: false } });
});

test.each([
  ['?after=yesterday', /"after" must be a cursor/],
  ['?limit=0', /"limit" must be a whole number from 1 to 1000/],
  ['?types=everything', /"types.*must be some of session_settled/],
])('%s is refused', async (query, message) => {
  const { status, body } = await service.get(`/v1/changes${query}`);
  expect(status).toBe(400);
  expect(body.detail).toMatch(message);
});

test('a cursor with a number that no transaction can have is refused, and the greatest that one can is another database’s', async () => {
  const beyond = `1.${2n ** 64n}.1`;
  for (const path of ['changes', 'stream']) {
    const { status, body } = await service.get(`/v1/${path}?after=${beyond}`);
    expect({ status, detail: body.detail }).toEqual({
      status: 400,
      detail: expect.stringContaining('"after"'),
    });
    expect((await service.get(`/v1/${path}?after=1.${2n ** 64n - 1n}.999999999999999`)).status).toBe(410);
  }
});

test('a cursor behind which changes were dropped is gone, and so is one of another database', async () => {
  const own = await startTestService();
  try {
    const old = await latest(own);
    await own.deliver(verdictPayload());
    await own.deliver(verdictPayload());
    await settled(own);
    const [first, second] = (await own.get('/v1/changes')).body.data;
    expect(await dropOldChanges(own.db, new Date(Date.now() + 60_000), 1)).toBe(1);
    for (const path of [`/v1/changes?after=${old}`, `/v1/stream?after=${old}`]) {
      const { status, body } = await own.get(path);
      expect({ status, code: body.code }).toEqual({ status: 410, code: 'gone' });
      expect(body.detail).toMatch(/CHANGES_KEEP_DAYS/);
    }
    expect((await own.get(`/v1/changes?after=${first.cursor}`)).body.data).toEqual([second]);
    expect((await own.get('/v1/changes')).body.data).toEqual([second]);
    const ahead = await own.get('/v1/changes?after=1.999999999.1');
    expect(ahead.status).toBe(410);
    expect(ahead.body.detail).toMatch(/another database/);
    expect(await dropOldChanges(own.db, new Date(Date.now() - 60_000), 100)).toBe(0);
  } finally {
    await own.stop();
  }
});

test('whoever asks from the beginning while the oldest changes are dropped is given what is left', async () => {
  const own = await startTestService();
  try {
    await own.deliver(verdictPayload());
    await own.deliver(verdictPayload());
    await settled(own);
    const [, second] = (await own.get('/v1/changes')).body.data;
    const asked = await own.db.transaction(async (tx) => {
      await tx.query({ text: 'lock table changes in access exclusive mode' });
      const begun = await beginUntilBlocked(own.db, () => own.get('/v1/changes'));
      await dropOldChanges(tx, new Date(Date.now() + 60_000), 1);
      return begun;
    });
    expect(asked.isBlocked).toBe(true);
    const { status, body } = await asked.ended;
    expect({ status, data: body.data }).toEqual({ status: 200, data: [second] });
  } finally {
    await own.stop();
  }
});

test('in a restored copy, which counts its transactions anew, old cursors go on', async () => {
  const own = await startTestService();
  try {
    await own.deliver(verdictPayload());
    await settled(own);
    // As a dump brings them along: of transactions that this server has not had yet.
    await own.db.query({ text: `update changes set xid = (xid::text::bigint + 1000000000)::text::xid8` });
    expect((await own.get('/v1/changes')).body.data).toEqual([]);
    expect(await renewGeneration(own.db)).toBe(true);
    expect(await renewGeneration(own.db)).toBe(false);
    const [restored] = (await own.get('/v1/changes')).body.data;
    expect(restored).toMatchObject({ type: 'session_settled' });
    await own.deliver(verdictPayload());
    await settled(own);
    const { data } = (await own.get(`/v1/changes?after=${restored.cursor}`)).body;
    expect(data).toMatchObject([{ type: 'session_settled' }]);
  } finally {
    await own.stop();
  }
});

test('in a restored copy whose changes had all been dropped, what comes is told', async () => {
  const own = await startTestService();
  try {
    await own.deliver(verdictPayload());
    await settled(own);
    expect(await dropOldChanges(own.db, new Date(Date.now() + 60_000), 10)).toBe(1);
    expect(await renewGeneration(own.db)).toBe(false);
    // As a dump brings it along: up to a transaction that this server has not had yet.
    await own.db.query({
      text: `update change_feed set dropped_xid = (dropped_xid::text::bigint + 1000000000)::text::xid8`,
    });
    expect(await renewGeneration(own.db)).toBe(true);
    expect(await renewGeneration(own.db)).toBe(false);
    const after = await latest(own);
    await own.deliver(verdictPayload());
    await settled(own);
    expect(await follow(own, after)).toMatchObject([{ type: 'session_settled' }]);
    expect((await own.get('/v1/changes')).body.data).toHaveLength(1);
  } finally {
    await own.stop();
  }
});
