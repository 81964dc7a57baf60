// Looking things up in lists: each filter takes what it says and nothing else, and each order is that of its time, with ties
// in one order, page by page.
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  formerMatchRows,
  insertListedRows,
  matchRows,
  minute,
  type Row,
  readAllRows,
  sessionRows,
  statusOf,
} from '../support/listed-rows.ts';
import { startTestService, type TestService, verdictPayload } from '../support/service.ts';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
  await insertListedRows(service.db);
});

afterAll(() => service.stop());

const allRows = (path: string, limit?: number) => readAllRows(service, path, limit);

const sessionsAbout = (reference: string) =>
  sessionRows
    .filter((row) => row.reference_id === reference)
    .map((row) => `${row.session_id} ${row.account}`);

/** Whether a match or an alert is about the person: by what it says, or through its session. */
const isTheirs = (reference: string) => (row: Row) =>
  row.reference_id === reference || sessionsAbout(reference).includes(`${row.session_id} ${row.account}`);

/** Whether a delivery speaks of the person: through its session, or a match or an alert that it told. */
const isAbout = (reference: string) => (row: Row) =>
  sessionsAbout(reference).includes(`${row.session_id} ${row.account}`) ||
  [...matchRows, ...formerMatchRows].some(
    (match) => match.delivery_id === row.delivery_id && match.reference_id === reference,
  );

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
    ...['anna', 'carl'].map((reference): [string, (row: Row) => boolean] => [
      `${path}?reference_id=${reference}`,
      isTheirs(reference),
    ]),
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
  ...words('/v1/deliveries', 'session_id', ['s-5', 's-6']),
  ...words('/v1/deliveries', 'admission', ['signature', 'pull']),
  ...words('/v1/deliveries', 'webhook_id', ['wh-2']),
  ...words('/v1/deliveries', 'trace_id', ['a'.repeat(32)]),
  ...['anna', 'ben', 'carl', 'dora'].map((reference): [string, (row: Row) => boolean] => [
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

test('a range goes by the microsecond, as iLive tells its times', async () => {
  const told = verdictPayload({ timestamp: '2026-04-11T09:30:12.456500+00:00' });
  await service.deliver(told);
  await service.settled();
  const foundFrom = async (from: number, to: number) => {
    const [begin, end] = [from, to].map((micros) => `2026-04-11T09:30:12.${micros}Z`);
    const rows = await allRows(`/v1/sessions?verdict_from=${begin}&verdict_to=${end}`);
    return rows.map(({ session_id }) => session_id);
  };
  expect(await foundFrom(456_500, 456_501)).toEqual([told.session_id]);
  expect(await foundFrom(456_000, 456_789)).toEqual([told.session_id]);
  expect(await foundFrom(456_000, 456_500)).toEqual([]);
  expect(await foundFrom(456_501, 456_900)).toEqual([]);
});
