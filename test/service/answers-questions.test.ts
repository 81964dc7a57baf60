// The API that internal services ask: what it says, page by page, and how it says no.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { figureOf } from '../support/figures.ts';
import { apiKey, startTestService, type TestService, verdictPayload } from '../support/service.ts';

let service: TestService;
const known = verdictPayload({ session_id: 'known-session', reference_id: 'anna' });

beforeAll(async () => {
  service = await startTestService({ env: { ILIVE_WEBHOOK_SECRETS_BY_ACCOUNT: '{"acme":["whsec_acme"]}' } });
  await service.deliver(known);
  for (let index = 0; index < 7; index += 1) {
    await service.deliver(verdictPayload({ reference_id: 'many' }));
    await service.deliver({
      event: 'face.matched',
      match_id: `m-${index}`,
      similarity: 0.5,
      session_id: 'known-session',
    });
    await service.deliver({
      event: 'compliance.alert',
      alert_id: `a-${index}`,
      severity: 'low',
      reference_id: 'many',
    });
  }
  await service.settled();
});

afterAll(() => service.stop());

async function allPages(path: string, limit: number): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  let cursor: string | null = null;
  do {
    const next: string = cursor === null ? '' : `&cursor=${cursor}`;
    const { status, body } = await service.get(
      `${path}${path.includes('?') ? '&' : '?'}limit=${limit}${next}`,
    );
    expect(status).toBe(200);
    expect(body.data.length).toBeLessThanOrEqual(limit);
    rows.push(...body.data);
    cursor = body.next_cursor;
  } while (cursor !== null);
  return rows;
}

test('a session tells its verdict, its times, who settled it and all that was said', async () => {
  const { status, body } = await service.get('/v1/sessions/known-session');
  expect(status).toBe(200);
  const utc = expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/);
  expect(body).toEqual({
    session_id: 'known-session',
    account: 'default',
    reference_id: 'anna',
    state: 'settled',
    verdict: 'pass',
    confidence: 0.8732,
    verdict_at: '2026-04-11T09:30:12.456789Z',
    confirmation: 'unconfirmed',
    expected_at: utc,
    settled_at: utc,
    settled_by: expect.any(String),
    settled_source: 'webhook',
    ended_reason: null,
    ended_at: null,
    expires_at: utc,
    next_pull_at: null,
    pull_attempts: 0,
    as_of: null,
    known_at: null,
    observations: [
      {
        delivery_id: body.settled_by,
        source: 'webhook',
        verdict: 'pass',
        confidence: 0.8732,
        reference_id: 'anna',
        occurred_at: '2026-04-11T09:30:12.456789Z',
        known_at: utc,
      },
    ],
  });
  expect((await service.get(`/v1/deliveries/${body.settled_by}`)).body).toMatchObject({
    state: 'done',
    kind: 'session_completed',
    vendor_kind: 'liveness.verdict',
    session_id: 'known-session',
    decision: 'settle',
    reason: null,
    attempts: 1,
  });
});

test.each([
  ['/v1/sessions?reference_id=many', 7, 'session_id'],
  ['/v1/sessions', 8, 'session_id'],
  ['/v1/sessions?reference_id=nobody', 0, 'session_id'],
  ['/v1/sessions?state=settled', 8, 'session_id'],
  ['/v1/sessions?settled_source=pull', 0, 'session_id'],
  ['/v1/face-matches', 7, 'match_id'],
  ['/v1/face-matches?session_id=known-session', 7, 'match_id'],
  ['/v1/face-matches?session_id=other', 0, 'match_id'],
  ['/v1/compliance-alerts?reference_id=many', 7, 'alert_id'],
  ['/v1/compliance-alerts?account=acme', 0, 'alert_id'],
  ['/v1/deliveries', 22, 'delivery_id'],
  ['/v1/deliveries?state=done', 22, 'delivery_id'],
  ['/v1/deliveries?state=parked', 0, 'delivery_id'],
])('%s gives each of its %i rows once, page by page, newest first', async (path, count, id) => {
  for (const limit of [1, 3, 7, 200]) {
    const ids = (await allPages(path, limit)).map((row) => row[id]);
    expect(ids).toHaveLength(count);
    expect(new Set(ids).size).toBe(count);
  }
  const rows = await allPages(path, 3);
  const placeOf = (row: Record<string, unknown>) => `${row.known_at ?? ''} ${row.delivery_id}`;
  const newestFirst = [...rows].sort((a, b) => (placeOf(a) < placeOf(b) ? 1 : -1));
  if (id !== 'session_id') expect(rows).toEqual(newestFirst);
});

test('rows that come while somebody turns pages are neither shown twice nor push others out', async () => {
  const first = await service.get('/v1/sessions?limit=3');
  await service.deliver(verdictPayload());
  await service.settled();
  const second = await service.get(`/v1/sessions?limit=200&cursor=${first.body.next_cursor}`);
  const ids = [...first.body.data, ...second.body.data].map((row: { session_id: string }) => row.session_id);
  expect(new Set(ids).size).toBe(8);
});

test('a session that two accounts have is a 409 that says how to choose', async () => {
  const payload = verdictPayload();
  await service.deliver(payload);
  await service.deliver({ ...payload, verdict: 'fail' }, { account: 'acme', secret: 'whsec_acme' });
  await service.settled();
  const path = `/v1/sessions/${payload.session_id}`;
  expect(await service.get(path)).toMatchObject({
    status: 409,
    body: { code: 'conflict', detail: expect.stringContaining('?account=') },
  });
  expect((await service.get(`${path}?account=acme`)).body).toMatchObject({
    account: 'acme',
    verdict: 'fail',
  });
});

describe('bad input gets a clear answer', () => {
  test.each([
    [
      '/v1/sessions?refrence_id=x',
      400,
      'unknown query parameter "refrence_id"; known here: reference_id, account, state, verdict, confirmation, settled_source, ended_reason, expected_from,',
    ],
    ['/v1/sessions/known-session?expand=1', 400, 'unknown query parameter "expand"'],
    ['/v1/sessions?limit=0', 400, '"limit" must be a whole number from 1 to 200'],
    ['/v1/sessions?limit=201', 400, '"limit" must be a whole number from 1 to 200'],
    ['/v1/sessions?limit=ten', 400, '"limit" must be a whole number from 1 to 200'],
    ['/v1/sessions?limit=1&limit=2', 400, '"limit" must be given once'],
    ['/v1/sessions?reference_id=', 400, '"reference_id" must not be empty'],
    ['/v1/sessions?reference_id=a%00b', 400, '"reference_id" must not hold NUL'],
    [`/v1/sessions?reference_id=${'x'.repeat(600)}`, 400, '"reference_id" must be at most 512 characters'],
    ['/v1/sessions?cursor=abc', 400, '"cursor" is not one that this list gave out'],
    [`/v1/sessions?cursor=${Buffer.from('["a","b","c"]').toString('base64url')}`, 400, '"cursor" is not one'],
    [`/v1/face-matches?cursor=${Buffer.from('["x"]').toString('base64url')}`, 400, '"cursor" is not one'],
    ['/v1/deliveries?state=lost', 400, '"state" must be one of received, done, ignored, parked'],
    ['/v1/deliveries/42', 400, '"delivery_id" in the path must be a delivery id (a UUID)'],
    ['/v1/ops/deliveries/01990000-0000-7000-8000-000000000000/body', 400, 'query parameter "why"'],
    ['/v1/deliveries/01990000-0000-7000-8000-000000000000', 404, 'No delivery has this id'],
    ['/v1/sessions/nobody', 404, 'No session with this id'],
    ['/v1/sessions/a%00b', 400, '"session_id" in the path must not hold NUL'],
    ['/v1/sessions/%zz', 400, 'The path cannot be decoded'],
    ['/v1/nothing', 404, 'There is nothing at this path'],
    ['/v2/sessions', 404, 'There is nothing at this path'],
    ['/v1/sessions?__proto__=1', 400, 'unknown query parameter "__proto__"'],
  ])('%s → %i: %s', async (path, status, detail) => {
    const answer = await service.get(path);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.body).toMatchObject({
      status,
      detail: expect.stringContaining(detail),
      request_id: answer.headers.get('x-request-id'),
    });
    expect(answer.status).toBe(status);
  });

  test.each([
    ['no key', null],
    ['a wrong key', 'wrong'],
    ['a longer key', `${apiKey}x`],
    ['an empty key', ''],
  ])('%s is a 401 on every path under /v1, known or not', async (_, key) => {
    for (const path of ['/v1/sessions', '/v1/deliveries/x', '/v1/nothing', '/V1/sessions']) {
      const answer = await service.get(path, key);
      expect([path, answer.status]).toEqual([path, 401]);
      expect(answer.headers.get('www-authenticate')).toContain('Bearer');
    }
  });

  test('a method that a route does not know is a 405 that tells what it knows', async () => {
    const response = await fetch(`${service.url}/v1/sessions`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${apiKey}` },
    });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST']);
  });
});

test('a caller’s request id comes back, an odd one does not', async () => {
  const ask = (id: string) => fetch(`${service.url}/healthz`, { headers: { 'x-request-id': id } });
  expect((await ask('trace-1')).headers.get('x-request-id')).toBe('trace-1');
  expect((await ask('a b<script>')).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
});

test('health, readiness and metrics need no key and name no person', async () => {
  expect(await service.get('/healthz', null)).toMatchObject({ status: 200, body: { status: 'alive' } });
  expect(await service.get('/readyz', null)).toMatchObject({
    status: 200,
    body: { status: 'ready', database: 'up' },
  });
  const metrics = (await service.get('/metrics', null)).body as string;
  expect(metrics).toMatch(/ilive_deliveries_received_total\{result="new"\} \d+/);
  expect(metrics).toMatch(/ilive_deliveries_processed_total\{decision="settle"\} \d+/);
  expect(metrics).not.toContain('anna');
});

test('what was asked is counted by operation and status, and how long it took', async () => {
  const countOf = async (labels: string) => {
    const count = await figureOf(service, `ilive_api_request${labels}`);
    return Number.isNaN(count) ? 0 : count;
  };
  const figures = () =>
    Promise.all([
      countOf('s_total{operation="getSession",status="200"}'),
      countOf('s_total{operation="getSession",status="404"}'),
      countOf('_seconds_count{operation="getSession"}'),
    ]);
  const [found, missing, timed] = await figures();
  await service.get('/v1/sessions/known-session');
  await service.get('/v1/sessions/known-session');
  await service.get('/v1/sessions/nobody-knows-it');
  expect(await figures()).toEqual([found + 2, missing + 1, timed + 3]);
});
