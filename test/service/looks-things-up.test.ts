// Looking things up: each filter takes what it says and nothing else, each order is that of its time with ties in one order,
// page by page; answers are narrowed to fields, not sent again to who has them, and many sessions are found by their ids.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { apiKey, type Sent, startTestService, type TestService } from '../support/service.ts';

type Row = Record<string, unknown>;

let service: TestService;

const minute = (n: number) => `2026-03-01T00:${String(n).padStart(2, '0')}:00.000000Z`;
const deliveryId = (n: number) => {
  const time = Date.parse(minute(n)).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-00000000000${n}`;
};
const pick = <Value>(values: readonly Value[], n: number) => values[n % values.length] ?? null;

// Two and two have the same times, so that an order needs more than a time.
const tied = (n: number) => minute(Math.floor(n / 2) * 2);
const expectedAt = tied;

const sessionRows = Array.from({ length: 10 }, (_, n) => {
  const state = pick(
    ['settled', 'settled', 'settled', 'disputed', 'expired', 'expected', 'unrecoverable'],
    n,
  );
  const isSettled = state === 'settled' || state === 'disputed';
  const hasEnded = state === 'expired' || state === 'unrecoverable';
  return {
    session_id: `s-${9 - n}`,
    account: pick(['default', 'acme'], n),
    reference_id: pick(['anna', 'ben', null], n),
    state,
    verdict: isSettled ? pick(['pass', 'fail', 'retry'], n) : null,
    confirmation:
      state === 'disputed'
        ? 'contradicted'
        : isSettled
          ? pick(['unconfirmed', 'confirmed'], n)
          : 'unconfirmed',
    expected_at: expectedAt(n),
    settled_at: isSettled ? tied(n + 2) : null,
    verdict_at: isSettled ? tied(9 - n) : null,
    settled_source: isSettled ? pick(['webhook', 'pull'], n + 1) : null,
    ended_reason: hasEnded ? (state === 'expired' ? 'never_finished' : 'not_found') : null,
    expires_at: `2126-03-01T00:0${Math.floor(n / 3)}:00.000000Z`,
    pull_attempts: 0,
  };
});

const deliveryRows = Array.from({ length: 9 }, (_, n) => ({
  id: deliveryId(n),
  account: pick(['default', 'acme'], n),
  source: pick(['webhook', 'pull'], n),
  webhook_id: n === 4 ? null : `wh-${n}`,
  body_sha256: `\\x0${n}`,
  received_at: minute(n),
  state: pick(['done', 'ignored', 'parked'], n),
  kind: pick(['session_completed', 'face_matched', 'compliance_alert', 'unknown'], n),
  vendor_kind: pick(['liveness.verdict', 'face.matched', null], n),
  session_id: n === 8 ? null : `s-${9 - n}`,
  decision: pick(['settle', 'confirm', 'park'], n),
  reason: n % 3 === 2 ? 'unknown_kind' : null,
  attempts: 1,
  trace_id: n === 3 ? 'a'.repeat(32) : null,
  admission: pick(['signature', null, 'pull'], n),
  is_proven: true,
}));

const matchRows = Array.from({ length: 7 }, (_, n) => ({
  match_id: `m-${n}`,
  account: pick(['default', 'acme'], n),
  delivery_id: deliveryId(n),
  session_id: pick(['s-9', null], n),
  reference_id: pick(['anna', 'carl'], n),
  face_id: pick(['f-1', 'f-2', null], n),
  external_face_id: pick(['e-1', null], n),
  collection_id: pick(['c-1', 'c-2'], n),
  is_match: pick([true, false, null], n),
  occurred_at: tied(9 - n),
  known_at: tied(n),
}));

const alertRows = matchRows.map((match, n) => ({
  alert_id: `a-${n}`,
  account: match.account,
  delivery_id: match.delivery_id,
  session_id: match.session_id,
  reference_id: match.reference_id,
  severity: pick(['low', 'high', null], n),
  category: pick(['x', 'y'], n),
  occurred_at: match.occurred_at,
  known_at: match.known_at,
  acknowledged_at: n === 1 ? minute(30) : null,
  resolved_at: n === 2 ? minute(30) : null,
}));
const statusOf = (row: Row) =>
  row.alert_id === 'a-1' ? 'acknowledged' : row.alert_id === 'a-2' ? 'resolved' : 'open';

beforeAll(async () => {
  service = await startTestService();
  for (const [table, rows] of [
    ['sessions', sessionRows],
    ['deliveries', deliveryRows],
    ['face_matches', matchRows],
    ['compliance_alerts', alertRows],
  ] as const) {
    const columns = Object.keys(rows[0] ?? {}).join(', ');
    await service.db.query({
      text: `insert into ${table} (${columns}) select ${columns} from json_populate_recordset(null::${table}, $1)`,
      values: [JSON.stringify(rows)],
    });
  }
});

afterAll(() => service.stop());

async function allRows(path: string, limit = 200): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: string | null = null;
  do {
    const separator: string = path.includes('?') ? '&' : '?';
    const place: string = cursor === null ? '' : `&cursor=${cursor}`;
    const { status, body }: Sent = await service.get(`${path}${separator}limit=${limit}${place}`);
    expect([path, status, body.detail]).toEqual([path, 200, undefined]);
    expect(body.data.length).toBeLessThanOrEqual(limit);
    rows.push(...body.data);
    cursor = body.next_cursor;
  } while (cursor !== null);
  return rows;
}

const sessionsAbout = (reference: string) =>
  sessionRows
    .filter((row) => row.reference_id === reference)
    .map((row) => `${row.session_id} ${row.account}`);

/** Whether a delivery speaks of the person: through its session, or a match or an alert that it told. */
const isAbout = (reference: string) => (row: Row) =>
  sessionsAbout(reference).includes(`${row.session_id} ${row.account}`) ||
  matchRows.some((match) => match.delivery_id === row.delivery_id && match.reference_id === reference);

const is = (name: string, value: unknown) => (row: Row) => row[name] === value;
const isIn = (name: string, from: string, to: string) => (row: Row) =>
  row[name] !== null && String(row[name]) >= from && String(row[name]) < to;
const words = (path: string, name: string, values: readonly unknown[]) =>
  values.map((value): [string, (row: Row) => boolean] => [`${path}?${name}=${value}`, is(name, value)]);
const span = (path: string, stem: string, field: string): [string, (row: Row) => boolean] => [
  `${path}?${stem}from=${minute(2)}&${stem}to=${minute(6)}`,
  isIn(field, minute(2), minute(6)),
];

const filters: [string, (row: Row) => boolean][] = [
  ...words('/v1/sessions', 'reference_id', ['anna', 'ben', 'nobody']),
  ...words('/v1/sessions', 'account', ['default', 'acme']),
  ...words('/v1/sessions', 'state', ['settled', 'disputed', 'expired', 'expected', 'unrecoverable']),
  ...words('/v1/sessions', 'verdict', ['pass', 'fail', 'retry']),
  ...words('/v1/sessions', 'confirmation', ['unconfirmed', 'confirmed', 'contradicted']),
  ...words('/v1/sessions', 'settled_source', ['webhook', 'pull']),
  ...words('/v1/sessions', 'ended_reason', ['never_finished', 'not_found', 'no_token']),
  span('/v1/sessions', 'expected_', 'expected_at'),
  span('/v1/sessions', 'settled_', 'settled_at'),
  span('/v1/sessions', 'verdict_', 'verdict_at'),
  ['/v1/sessions?expires_from=2126-03-01T00:01:00Z', (row) => row.state === 'expected'],
  ['/v1/sessions?expires_to=2126-03-01T00:01:00Z', () => false],
  ['/v1/sessions?verdict=pass&account=default', (row) => row.verdict === 'pass' && row.account === 'default'],
  ...['/v1/face-matches', '/v1/compliance-alerts'].flatMap((path) => [
    ...words(path, 'session_id', ['s-9', 'nothing']),
    ...words(path, 'reference_id', ['anna', 'carl']),
    ...words(path, 'account', ['default', 'acme']),
    span(path, 'known_', 'known_at'),
    span(path, 'occurred_', 'occurred_at'),
  ]),
  ...words('/v1/face-matches', 'face_id', ['f-1']),
  ...words('/v1/face-matches', 'external_face_id', ['e-1']),
  ...words('/v1/face-matches', 'collection_id', ['c-2']),
  ...words('/v1/face-matches', 'is_match', [true, false]),
  ...words('/v1/compliance-alerts', 'severity', ['low', 'high']),
  ...words('/v1/compliance-alerts', 'category', ['x']),
  ...['open', 'acknowledged', 'resolved'].map((status): [string, (row: Row) => boolean] => [
    `/v1/compliance-alerts?status=${status}`,
    (row) => statusOf(row) === status,
  ]),
  ...words('/v1/deliveries', 'state', ['done', 'ignored', 'parked', 'received']),
  ...words('/v1/deliveries', 'reason', ['unknown_kind']),
  ...words('/v1/deliveries', 'kind', ['session_completed', 'face_matched', 'compliance_alert', 'unknown']),
  ...words('/v1/deliveries', 'vendor_kind', ['liveness.verdict', 'face.matched']),
  ...words('/v1/deliveries', 'source', ['webhook', 'pull']),
  ...words('/v1/deliveries', 'decision', ['settle', 'confirm', 'park', 'dispute']),
  ...words('/v1/deliveries', 'account', ['default', 'acme']),
  ...words('/v1/deliveries', 'session_id', ['s-5']),
  ...words('/v1/deliveries', 'admission', ['signature', 'pull']),
  ...words('/v1/deliveries', 'webhook_id', ['wh-2']),
  ...words('/v1/deliveries', 'trace_id', ['a'.repeat(32)]),
  ...['anna', 'ben', 'carl'].map((reference): [string, (row: Row) => boolean] => [
    `/v1/deliveries?reference_id=${reference}`,
    isAbout(reference),
  ]),
  span('/v1/deliveries', '', 'received_at'),
];

test.each(filters)('%s gives what it says, all of it and nothing else', async (path, isWanted) => {
  const idOf = (row: Row) =>
    row.match_id ?? row.alert_id ?? row.delivery_id ?? `${row.session_id} ${row.account}`;
  const all = await allRows(path.split('?')[0] ?? '');
  const wanted = all.filter(isWanted).map(idOf).sort();
  expect((await allRows(path)).map(idOf).sort()).toEqual(wanted);
  expect((await allRows(path, 2)).map(idOf).sort()).toEqual(wanted);
});

// Behind its time, what puts a row into its place.
const tieBreakers: Record<string, readonly string[]> = {
  '/v1/sessions': ['session_id', 'account'],
  '/v1/face-matches': ['delivery_id'],
  '/v1/compliance-alerts': ['delivery_id'],
  '/v1/deliveries': ['delivery_id'],
};

test.each([
  ['/v1/sessions', 'expected_at', 10],
  ['/v1/sessions', 'settled_at', 7],
  ['/v1/sessions', 'verdict_at', 7],
  ['/v1/sessions', 'expires_at', 1],
  ['/v1/face-matches', 'known_at', 7],
  ['/v1/face-matches', 'occurred_at', 7],
  ['/v1/compliance-alerts', 'known_at', 7],
  ['/v1/compliance-alerts', 'occurred_at', 7],
  ['/v1/deliveries', 'received_at', 9],
])('%s is sorted by %s both ways, ties included, page by page', async (path, time, count) => {
  const placeOf = (row: Row) =>
    [time, ...(tieBreakers[path] ?? [])].map((name) => String(row[name])).join(' ');
  for (const limit of [1, 2, 3, 200]) {
    const rising = (await allRows(`${path}?sort=${time}`, limit)).map(placeOf);
    expect(rising).toHaveLength(count);
    expect(rising).toEqual([...new Set(rising)].sort());
    expect((await allRows(`${path}?sort=-${time}`, limit)).map(placeOf)).toEqual(rising.toReversed());
  }
});

test('a list goes by the time that its range is over, newest first', async () => {
  const times = (await allRows(`/v1/sessions?settled_from=${minute(0)}`)).map((row) =>
    String(row.settled_at),
  );
  expect(times).toEqual(times.toSorted().toReversed());
});

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
    ['/v1/sessions?sort=expires_at&state=settled', '"state" can only be expected beside'],
    ['/v1/sessions?expected_from=yesterday', '"expected_from" must be a time such as'],
    ['/v1/face-matches?is_match=maybe', '"is_match" must be one of true, false'],
    ['/v1/compliance-alerts?status=closed', '"status" must be one of open, acknowledged, resolved'],
    ['/v1/deliveries?trace_id=1', '"trace_id" must be 32 hex digits'],
    [
      '/v1/sessions?fields=verdict,age',
      '"fields" must be names out of session_id, account, reference_id, state',
    ],
    ['/v1/sessions/s-9?fields=', '"fields" must be names out of'],
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
    expect((await service.get('/v1/sessions/s-9?fields=state,observations')).body).toEqual({
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
      expect(tag).toMatch(/^"[\w-]{43}"$/);
      expect(first.response.headers.get('cache-control')).toBe('private, no-cache');
      for (const known of [tag, `"x", ${tag}`, `W/${tag}`, '*']) {
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
      is('session_id', 's-9'),
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
});
