// What look-ups answer besides rows: clear words for bad input, cursors that are good for one list and order alone, answers
// narrowed to fields, things that are not sent again to who has them, and many sessions found by their ids.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deliveryId, insertListedRows, minute, type Row } from '../support/listed-rows.ts';
import { apiKey, type Sent, startTestService, type TestService } from '../support/service.ts';
import { runCli } from './run-cli.ts';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
  await insertListedRows(service.db);
});

afterAll(() => service.stop());

describe('bad input gets a clear answer', () => {
  test.each([
    [
      '/v1/sessions?sort=age',
      '"sort" must be one of -expected_at, expected_at, -settled_at, settled_at, -verdict_at',
    ],
    ['/v1/deliveries?sort=finished_at', '"sort" must be one of -received_at, received_at'],
    [
      `/v1/sessions?settled_from=${minute(0)}&sort=expected_at`,
      '"sort" must be one of -settled_at, settled_at beside a range of that time',
    ],
    [
      '/v1/sessions?sort=expires_at&state=settled',
      '"state" cannot be settled where sessions are listed by expires_at, which only expected ones have',
    ],
    [
      `/v1/sessions?settled_from=${minute(0)}&ended_reason=no_token`,
      '"ended_reason" cannot be given where sessions are listed by settled_at, which only settled and disputed ones have',
    ],
    ['/v1/sessions?expected_from=yesterday', '"expected_from" must be a time such as'],
    ['/v1/face-matches?is_match=maybe', '"is_match" must be one of true, false'],
    ['/v1/compliance-alerts?status=closed', '"status" must be one of open, acknowledged, resolved'],
    ['/v1/deliveries?trace_id=1', '"trace_id" must be 32 hex digits'],
    [
      '/v1/sessions?fields=verdict,age',
      '"fields" must be names out of session_id, account, reference_id, state',
    ],
    ['/v1/sessions/s-9?fields=', '"fields" must be names out of'],
    ['/v1/changes?types=foo', 'query parameter "types" must be some of session_settled'],
    [`/v1/ops/deliveries/${deliveryId(1)}/body`, 'query parameter "why" is missing'],
    ['/v1/sessions/s-9?fields=__proto__', '"fields" must be names out of'],
    ['/v1/completeness?fields=open', 'unknown query parameter "fields"'],
  ])('%s: %s', async (path, detail) => {
    const { status, body } = await service.get(path);
    expect([status, body.code]).toEqual([400, 'invalid_request']);
    expect(body.detail).toContain(detail);
  });

  test.each([
    ['another filter', '/v1/sessions?verdict=fail'],
    ['no filter', '/v1/sessions'],
    ['another order', '/v1/sessions?verdict=pass&sort=expected_at'],
    ['another list', '/v1/deliveries'],
  ])('a cursor that is sent with %s than it was made for', async (_, path) => {
    const { body } = await service.get('/v1/sessions?verdict=pass&limit=1');
    const answer = await service.get(`${path}${path.includes('?') ? '&' : '?'}cursor=${body.next_cursor}`);
    expect(answer.status).toBe(400);
    expect(answer.body.detail).toContain('"cursor" was given out for other filters or another order');
  });

  test('a cursor whose place was tampered with', async () => {
    const { body } = await service.get('/v1/sessions?limit=1');
    const [purpose] = JSON.parse(Buffer.from(body.next_cursor, 'base64url').toString());
    for (const place of [
      [],
      ['x', 'y', 'z'],
      [minute(1)],
      [minute(1), 'a\0', 'b'],
      [`${minute(1)}'`, 'a', 'b'],
      ['2026-02-30T00:00:00.000000Z', 'a', 'b'],
      ['0000-01-01T00:00:00.000000Z', 'a', 'b'],
    ]) {
      const cursor = Buffer.from(JSON.stringify([purpose, ...place])).toString('base64url');
      const answer = await service.get(`/v1/sessions?cursor=${cursor}`);
      expect([answer.status, answer.body.detail]).toEqual([
        400,
        'query parameter "cursor" is not one that this list gave out.',
      ]);
    }
  });

  test('a cursor goes on with another limit, other fields, and the default order by its name', async () => {
    const { body } = await service.get('/v1/sessions?account=acme&limit=2');
    const path = '/v1/sessions?sort=-expected_at&account=acme&limit=200&fields=session_id';
    const rest = await service.get(`${path}&cursor=${body.next_cursor}`);
    expect(rest.body.data).toHaveLength(3);
  });
});

describe('?fields=', () => {
  test('narrows each row of a list, and one thing, and leaves the rest of the answer', async () => {
    const list = await service.get('/v1/sessions?fields=verdict,session_id&limit=1');
    expect(Object.keys(list.body)).toEqual(['data', 'next_cursor']);
    expect(Object.keys(list.body.data[0]).sort()).toEqual(['session_id', 'verdict']);
    expect((await service.get('/v1/sessions/s-8?fields=state,observations')).body).toEqual({
      state: 'settled',
      observations: [],
    });
    expect((await service.get(`/v1/deliveries/${deliveryId(2)}?fields=state`)).body).toEqual({
      state: 'parked',
    });
  });
});

async function ask(path: string, headers: Record<string, string>, method = 'GET') {
  const response = await fetch(`${service.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${apiKey}`, ...headers },
  });
  return { response, text: await response.text() };
}

describe('a single thing has an ETag', () => {
  test.each(['/v1/sessions/s-9', '/v1/sessions/s-9?fields=verdict', `/v1/deliveries/${deliveryId(1)}`])(
    '%s is not sent again to who has it',
    async (path) => {
      const first = await ask(path, {});
      const tag = first.response.headers.get('etag') ?? '';
      // Weak, since what stands between may compress it.
      expect(tag).toMatch(/^W\/"[\w-]{43}"$/);
      expect(first.response.headers.get('cache-control')).toBe('private, no-cache');
      for (const known of [tag, `"x", ${tag}`, tag.slice(2), '*']) {
        for (const method of ['GET', 'HEAD']) {
          const { response, text } = await ask(path, { 'if-none-match': known }, method);
          expect([known, response.status, text]).toEqual([known, 304, '']);
          expect(response.headers.get('etag')).toBe(tag);
        }
      }
      const head = await ask(path, {}, 'HEAD');
      expect([head.response.status, head.text, head.response.headers.get('etag')]).toEqual([200, '', tag]);
      expect(head.response.headers.get('content-length')).toBe(String(Buffer.byteLength(first.text)));
      expect((await ask(path, { 'if-none-match': '"other"' })).text).toBe(first.text);
    },
  );

  test('a changed thing has another, and its narrowed answer another still', async () => {
    const tagOf = async (path: string) => (await ask(path, {})).response.headers.get('etag') ?? '';
    const before = await tagOf('/v1/sessions/s-5');
    expect(await tagOf('/v1/sessions/s-5?fields=verdict')).not.toBe(before);
    await service.db.query({ text: `update sessions set pull_attempts = 7 where session_id = 's-5'` });
    const { response } = await ask('/v1/sessions/s-5', { 'if-none-match': before });
    expect(response.status).toBe(200);
    await service.db.query({ text: `update sessions set pull_attempts = 0 where session_id = 's-5'` });
    expect(await tagOf('/v1/sessions/s-5')).toBe(before);
  });

  test('lists and errors are not kept', async () => {
    for (const path of ['/v1/sessions', '/v1/sessions/nobody']) {
      const { response } = await ask(path, { 'if-none-match': '*' });
      expect([response.headers.get('etag'), response.headers.get('cache-control')]).toEqual([
        null,
        'no-store',
      ]);
      expect(response.status).not.toBe(304);
    }
  });
});

describe('many sessions are looked up at once', () => {
  async function lookUp(body: unknown, query = ''): Promise<Sent> {
    const response = await fetch(`${service.url}/v1/sessions/lookup${query}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, headers: response.headers, body: await response.json() };
  }

  test('in the order of the ids, each once, with those that are not known', async () => {
    const { status, body } = await lookUp({ session_ids: ['s-4', 'nobody', 's-9', 's-4'] });
    expect(status).toBe(200);
    expect(body.data.map((row: Row) => row.session_id)).toEqual(['s-4', 's-9']);
    expect(body.missing).toEqual(['nobody']);
    const [listed] = (await service.get('/v1/sessions?sort=expected_at')).body.data.filter(
      (row: Row) => row.session_id === 's-9',
    );
    expect(body.data[1]).toEqual(listed);
  });

  test('of one account alone, and narrowed to fields', async () => {
    const { body } = await lookUp(
      { session_ids: ['s-9', 's-8'], account: 'acme' },
      '?fields=session_id,account',
    );
    expect(body).toEqual({ data: [{ session_id: 's-8', account: 'acme' }], missing: ['s-9'] });
  });

  test('one to five hundred of them', async () => {
    const ids = (count: number) => ({ session_ids: Array.from({ length: count }, (_, n) => `id-${n}`) });
    expect((await lookUp(ids(500))).body.missing).toHaveLength(500);
    for (const body of [ids(501), ids(0)]) {
      expect(await lookUp(body)).toMatchObject({
        status: 400,
        body: { detail: 'field "session_ids" must hold 1 to 500 ids.' },
      });
    }
    expect(await lookUp({ session_ids: ['a\0'] })).toMatchObject({ status: 400 });
    expect(await lookUp({})).toMatchObject({
      status: 400,
      body: { detail: 'field "session_ids" is missing.' },
    });
  });

  test('a body that is missing, and a field that nobody knows, are told as such', async () => {
    const detailOf = async (body?: string) => {
      const headers = { authorization: `Bearer ${apiKey}` };
      const asked = { method: 'POST', headers, ...(body === undefined ? {} : { body }) };
      const response = await fetch(`${service.url}/v1/sessions/lookup`, asked);
      return ((await response.json()) as { detail: string }).detail;
    };
    expect(await detailOf()).toBe('The body is missing: a JSON object is asked for.');
    expect(await detailOf('{')).toBe('The body is not JSON in UTF-8.');
    expect(await detailOf('{"sessionIds":["s-1"],"acount":"acme"}')).toBe(
      'field "session_ids" is missing; unknown field "sessionIds", "acount"; known here: session_ids, account.',
    );
  });
});

test('the command line sorts and chooses as the API does, over several pages', async () => {
  const env = { ILIVE_WEBHOOKS_URL: service.url, ILIVE_WEBHOOKS_API_KEY: apiKey };
  const listOf = async (...args: string[]): Promise<Row[]> => {
    const { code, out, err } = await runCli([...args, '--json'], { env });
    expect([code, err]).toEqual([0, '']);
    return JSON.parse(out).data;
  };
  const sessions = ['sessions', 'list', '--verdict', 'pass', '--sort', 'verdict_at'];
  const newest = await listOf(...sessions);
  expect(newest).toEqual((await service.get('/v1/sessions?verdict=pass&sort=-verdict_at')).body.data);
  expect(await listOf(...sessions, '--oldest-first')).toEqual(newest.toReversed());
  expect(await listOf('sessions', 'list', '--from', minute(2), '--to', minute(4), '--all')).toHaveLength(2);
  const deliveries = await listOf('deliveries', 'list', '--oldest-first', '--vendor-kind', 'face.matched');
  expect(deliveries.map((row) => row.received_at)).toEqual([minute(1), minute(4), minute(7)]);
});
