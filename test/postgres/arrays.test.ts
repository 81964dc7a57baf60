// Arrays that are sent as bytes come out as the same values as those that Postgres reads as text.
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { encodeArray, type Plain } from '../../src/db/arrays.ts';
import { useTestDatabase } from '../support/test-database.ts';

const testDatabase = useTestDatabase();

const uuids = [randomUUID(), randomUUID(), randomUUID()];
const long = 'x'.repeat(128);
const cases: [type: string, values: Plain[]][] = [
  ['text', ['', 'a', 'NULL', '"quoted"', 'back\\slash', '{},', 'x'.repeat(127), null, '\t\n\r', '\x7f']],
  ['text', [null, null]],
  ['text', ['sess_1', 'Zoë', '检测', '👩🏽‍🚀', '\u0080', 'ÿ', null]],
  ['text', [long, null, `${long}é`]],
  ['uuid', [...uuids, null, '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff']],
  ['uuid', ['FFFFFFFF-0000-0000-0000-00000000000A', '{a0eebc999c0b4ef8bb6d6bb9bd380a11}']],
  [
    'timestamptz',
    ['2026-04-11T09:30:12.456789Z', '2026-04-11T09:30:12.456Z', null, '1969-12-31T23:59:59.999999Z'],
  ],
  [
    'timestamptz',
    [
      '9999-12-31T23:59:59.999999Z',
      '0001-01-01T00:00:00.000Z',
      '2000-01-01T00:00:00.000001Z',
      '2260-06-10T01:02:03.123457Z',
    ],
  ],
  ['timestamptz', ['2026-04-11 09:30:12+02', 'infinity', '2026-04-11']],
  ['float8', [0, -0, 0.1, 1e308, 5e-324, Number.NaN, Number.POSITIVE_INFINITY, null, -1.5]],
  ['int', [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), null]],
  ['boolean', [true, false, null]],
  ['bool', [false]],
];

test.each(cases)('%s: %j', async (type, values) => {
  const text = `select array_agg(to_jsonb(v) order by place) as values
                from unnest($1::${type}[]) with ordinality as u (v, place)`;
  const [asGiven] = await testDatabase.db.query({ text, values: [values] });
  const literal = encodeArray(undefined, values);
  const [asText] = await testDatabase.db.query({ text, values: [literal] });
  expect(literal).toBeTypeOf('string');
  expect(asGiven).toEqual(asText);
});

test('a Date is the time that it says', async () => {
  const dates = [new Date('2026-04-11T09:30:12.456Z'), new Date(0), null];
  const text = 'select extract(epoch from v)::float8 as seconds from unnest($1::timestamptz[]) as u (v)';
  const rows = await testDatabase.db.query<{ seconds: number | null }>({ text, values: [dates] });
  expect(rows.map(({ seconds }) => seconds)).toEqual([1_775_899_812.456, 0, null]);
});

test.each([
  ['text', ['a', '"', '', null]],
  ['uuid', uuids],
  ['timestamptz', ['2026-04-11T09:30:12.456789Z', new Date(), null]],
  ['float8', [1, null]],
  ['int', [1, null]],
  ['boolean', [true, null]],
] satisfies [string, Plain[]][])('%s goes as bytes', (type, values) => {
  expect(encodeArray(type, values)).toBeInstanceOf(Buffer);
});

test.each([
  ['uuid', ['not one'], '22P02'],
  ['uuid', ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1g'], '22P02'],
  ['uuid', ['a0eebc999-c0b-4ef8-bb6d-6bb9bd380a11'], '22P02'],
  ['timestamptz', ['2026-02-30T00:00:00.000Z'], '22008'],
  ['text', ['a\0b'], '22021'],
  ['int', [2 ** 31], '22003'],
  ['int', [1.5], '22P02'],
] satisfies [string, Plain[], string][])(
  'what is no %s is refused as before: %j',
  async (type, values, code) => {
    const asked = testDatabase.db.query({ text: `select $1::${type}[] as values`, values: [values] });
    await expect(asked).rejects.toMatchObject({ code });
  },
);
