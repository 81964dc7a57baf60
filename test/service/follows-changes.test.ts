// Following what changes: page by page or as a stream, from any cursor that is kept, without skipping or repeating; and what
// happens to cursors that are too old, and to readers that do not read.
import { randomUUID } from 'node:crypto';
import { connect as connectSocket, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dropOldChanges, renewGeneration } from '../../src/db/changes.ts';
import { apiKey, startTestService, type TestService, verdictPayload } from '../support/service.ts';
import { until } from '../support/until.ts';

let service: TestService;

beforeAll(async () => {
  service = await startTestService({ env: { STREAM_HEARTBEAT_SECONDS: '1', STREAM_STALL_SECONDS: '2' } });
});
afterAll(() => service?.stop());

async function latest(of = service): Promise<string> {
  return (await of.get('/v1/changes?after=latest')).body.next_cursor;
}

/** Resolves once all is processed and no transaction of anybody's on this server holds a change back. */
async function settled(of = service): Promise<void> {
  await of.settled();
  await until(async () => {
    const [row] = await of.db.query<{ isShown: boolean }>({
      text: `select not exists (select from changes c join change_feed f on f.generation = c.generation
                                where c.xid >= pg_snapshot_xmin(pg_current_snapshot())) as "isShown"`,
    });
    return row?.isShown;
  });
}

/** Every change behind `after`, page by page. */
async function follow(after: string, query = '') {
  const found = [];
  for (let cursor = after; ; ) {
    const { status, body } = await service.get(`/v1/changes?after=${cursor}${query}`);
    expect(status).toBe(200);
    found.push(...body.data);
    cursor = body.next_cursor;
    if (!body.has_more) return found;
  }
}

test('what settles, is disputed and recorded is told once each, in order, with what was said then', async () => {
  const after = await latest();
  const payload = verdictPayload({ reference_id: 'anna' });
  await service.deliver(payload);
  await settled();
  await service.deliver(payload);
  await service.deliver({ event: 'face.matched', match_id: 'm-1', similarity: 0.91, reference_id: 'anna' });
  await settled();
  await service.deliver({ ...payload, verdict: 'fail' });
  await settled();
  const utc = expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/);
  const changes = await follow(after);
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
  expect(await follow(changes[1].cursor)).toEqual(changes.slice(2));
});

test('pages of any size and any choice of types give the same changes', async () => {
  const after = await latest();
  for (let index = 0; index < 5; index += 1) {
    await service.deliver(verdictPayload());
    await service.deliver({ event: 'face.matched', match_id: randomUUID(), similarity: 0.5 });
  }
  await settled();
  const all = await follow(after);
  expect(all).toHaveLength(10);
  for (const limit of [1, 3, 10, 1000]) expect(await follow(after, `&limit=${limit}`)).toEqual(all);
  const ofOneType = all.filter(({ type }) => type === 'session_settled');
  expect(ofOneType).toHaveLength(5);
  expect(await follow(after, '&types=session_settled&limit=2')).toEqual(ofOneType);
  expect(await follow(after, '&types=session_settled,face_match_recorded')).toEqual(all);
});

test('whoever waits is answered the moment something changes, and with nothing when the time is over', async () => {
  const after = await latest();
  const answer = service.get(`/v1/changes?after=${after}&wait=30s&types=session_settled`);
  await service.deliver({ event: 'face.matched', match_id: randomUUID(), similarity: 0.5 });
  await service.deliver(verdictPayload());
  expect((await answer).body.data).toMatchObject([{ type: 'session_settled' }]);
  await settled();
  const end = await latest();
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

describe('as a stream', () => {
  async function open(query = '', headers: Record<string, string> = {}) {
    const leaving = new AbortController();
    const response = await fetch(`${service.url}/v1/stream${query}`, {
      headers: { authorization: `Bearer ${apiKey}`, ...headers },
      signal: leaving.signal,
    });
    let text = '';
    const ended = (async () => {
      const reader = response.body?.pipeThrough(new TextDecoderStream());
      for await (const chunk of reader ?? []) text += chunk;
    })().catch(() => {});
    return { response, ended, leave: () => leaving.abort(), text: () => text };
  }
  const idsIn = (text: string) => [...text.matchAll(/^id: (.*)\nevent: /gm)].map(([, id]) => id);

  test('changes come as events with their cursor as id, and Last-Event-ID goes on behind it', async () => {
    const after = await latest();
    const stream = await open(`?after=${after}`);
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    for (let index = 0; index < 3; index += 1) await service.deliver(verdictPayload());
    await until(() => idsIn(stream.text()).length === 3);
    const changes = await follow(after);
    expect(idsIn(stream.text())).toEqual(changes.map(({ cursor }) => cursor));
    const data = [...stream.text().matchAll(/^event: session_settled\ndata: (.*)$/gm)];
    expect(data.map(([, json]) => JSON.parse(json ?? ''))).toEqual(changes);
    stream.leave();
    const again = await open('', { 'last-event-id': changes[0].cursor });
    await until(() => idsIn(again.text()).length === 2);
    expect(idsIn(again.text())).toEqual(changes.slice(1).map(({ cursor }) => cursor));
    again.leave();
  });

  test('where nothing comes it says that it is there, with the place up to which it has looked', async () => {
    const stream = await open(`?after=${await latest()}&types=session_expired`);
    await service.deliver(verdictPayload());
    await settled();
    const end = await latest();
    await until(() => stream.text().includes(`:\nid: ${end}\n\n`), { deadlineMs: 5_000 });
    expect(stream.text()).not.toContain('event:');
    stream.leave();
  });

  test('a reader that reads nothing is cut off, and the others are not held up', async () => {
    const after = await latest();
    const well = await open(`?after=${after}`);
    const { hostname, port } = new URL(service.url);
    const socket: Socket = connectSocket(Number(port), hostname);
    socket.on('error', () => {});
    socket.pause();
    socket.write(
      `GET /v1/stream?after=${after} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${apiKey}\r\n\r\n`,
    );
    await until(async () => (await streams()) === 2);
    // More than the buffers of both ends take.
    await service.db.query({
      text: `insert into face_matches (match_id, account, delivery_id, occurred_at, known_at, face_id)
             select 'slow-' || lpad(n::text, 5, '0'), 'default', gen_random_uuid(), now(), now(), repeat('x', 3000)
             from generate_series(1, 5000) n`,
    });
    await until(() => well.text().includes('slow-05000'), { deadlineMs: 30_000 });
    await until(async () => (await streams()) === 1, { deadlineMs: 20_000, describe: 'it is cut off' });
    socket.destroy();
    well.leave();
  });

  async function streams(): Promise<number> {
    const { body } = await service.get('/metrics', null);
    return Number(/^ilive_waiting_callers\{kind="stream"\} (\d+)/m.exec(body)?.[1]);
  }

  test('stopping ends every stream', async () => {
    const own = await startTestService();
    const response = await fetch(`${own.url}/v1/stream`, { headers: { authorization: `Bearer ${apiKey}` } });
    const ended = response.text();
    const startedAt = performance.now();
    await own.stop();
    expect(await ended).toContain('retry:');
    expect(performance.now() - startedAt).toBeLessThan(9_000);
  });
});
