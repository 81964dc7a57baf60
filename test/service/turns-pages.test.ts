// The pages of every list: turned one by one they hold every row once, and a cursor is good for the list and the filters that
// it was given out for, and for nothing else.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { recordRefusals } from '../../src/db/refusals.ts';
import { routes } from '../../src/http/routes.ts';
import { many } from '../support/kept-refusals.ts';
import { insertListedRows, minute, readAllRows } from '../support/listed-rows.ts';
import { type OperatedService, startOperated } from '../support/operator.ts';

let service: OperatedService;

beforeAll(async () => {
  service = await startOperated();
  await insertListedRows(service.db);
  await recordRefusals(service.db, many('192.0.2.1', 3, 10), { maxCount: 100, maxBytes: 100_000 });
  await service.db.query({
    text: `insert into replays (id, state, filter, created_at, created_by, why, matching)
           select id, 'done', '{}', now(), 'a test', 'a test', 0 from unnest($1::uuid[]) id`,
    values: [[randomUUID(), randomUUID(), randomUUID()]],
  });
  for (const name of ['a', 'b', 'c'])
    await service.ops('POST', '/keys', { name, role: 'reader', why: 'a test' });
});

afterAll(() => service.stop());

/** Each list with a filter that it takes; keys have none. */
const filters: Readonly<Record<string, string | undefined>> = {
  '/v1/sessions': 'account=acme',
  '/v1/face-matches': 'account=acme',
  '/v1/compliance-alerts': 'account=acme',
  '/v1/deliveries': 'account=acme',
  '/v1/ops/replays': 'state=done',
  '/v1/ops/refusals': 'account=acme',
  '/v1/ops/audit': 'actor=bootstrap',
  '/v1/ops/keys': undefined,
};

const lists = routes.filter(({ operation }) => 'cursor' in operation.query).map(({ path }) => path);
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

async function firstCursor(path: string): Promise<string> {
  return (await service.get(`${path}?limit=1`)).body.next_cursor;
}

async function send(path: string, cursor: string, filter = '') {
  const { status, body } = await service.get(`${path}?cursor=${cursor}${filter}`);
  return { cursor, status, code: body.code, detail: body.detail };
}

const refused = (cursor: string, why: string) => ({
  cursor,
  status: 400,
  code: 'invalid_request',
  detail: `query parameter "cursor" ${why}.`,
});
const isForeign = 'is not one that this list gave out';
const isOfOthers = 'was given out for other filters or another order: begin again without it';

test('every list is tried', () => {
  expect(lists.toSorted()).toEqual(Object.keys(filters).toSorted());
});

describe.each(lists)('%s', (path) => {
  test('one row a page, they are all of the rows', async () => {
    const idsOf = async (limit: number) =>
      (await readAllRows(service, path, limit)).map((row) => Object.values(row)[0]);
    const ids = await idsOf(200);
    expect(ids.length).toBeGreaterThan(2);
    expect(await idsOf(1)).toEqual(ids);
  });

  test('a text that is no cursor is a 400', async () => {
    const places = [
      [],
      ['x'],
      ['x', 'x'],
      ['x', 'x', 'x'],
      [minute(1), 'x'],
      [randomUUID()],
      ['1'],
      [1],
      {},
      null,
    ];
    for (const cursor of ['', 'abc', ...places.map(encode)]) {
      expect(await send(path, cursor)).toEqual(refused(cursor, isForeign));
    }
  });

  test('one of its own with another place in it is a 400', async () => {
    const [purpose, ...own] = JSON.parse(Buffer.from(await firstCursor(path), 'base64url').toString());
    const noTime = '2026-02-30T00:00:00.000000Z';
    const others = ['x', '', '\0', noTime, 1, null].map((text) => own.map(() => text));
    const tampered = [...others, [noTime, ...own.slice(1)], own.slice(1), [...own, 'x']];
    for (const place of tampered) {
      const cursor = encode([purpose, ...place]);
      expect(await send(path, cursor)).toEqual(refused(cursor, isForeign));
    }
  });

  test('one of another list, or of other filters, is a 400', async () => {
    for (const other of lists.filter((each) => each !== path)) {
      const cursor = await firstCursor(other);
      expect(await send(path, cursor)).toEqual(refused(cursor, isOfOthers));
    }
    if (filters[path] === undefined) return;
    const cursor = await firstCursor(path);
    expect(await send(path, cursor, `&${filters[path]}`)).toEqual(refused(cursor, isOfOthers));
  });
});
