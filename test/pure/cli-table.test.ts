// What people read in a terminal is aligned, and cannot steer it.
import { expect, test } from 'vitest';
import { renderDistance, renderFields, renderTable, renderTime } from '../../src/cli/table.ts';
import { renderSpan } from '../../src/operations/counted.ts';
import { printable, printableJson } from '../../src/printable.ts';

test('columns are aligned, numbers to the right, and nothing trails', () => {
  const columns = ['name', { title: 'count', isNumber: true }, ''];
  const rows = [
    ['short', '7', ''],
    ['much longer', '1200', 'a note'],
    [null, '0', ''],
  ];
  expect(renderTable(columns, rows, (_format, text) => text)).toBe(
    ['name         count', 'short            7', 'much longer   1200  a note', '–                0'].join(
      '\n',
    ),
  );
});

test('fields stand one below the other', () => {
  expect(
    renderFields([
      ['id', 's-1'],
      ['reference', null],
    ]),
  ).toBe('id         s-1\nreference  –');
});

test('what steers a terminal, or hides, is shown as its code', () => {
  expect(printable('a\u001b[31mb\n\u202ec')).toBe('a\\u{1b}[31mb\\u{a}\\u{202e}c');
  expect(printable('Zoë 😀 東')).toBe('Zoë 😀 東');
  expect(renderFields([['x', '\u001b]0;owned\u0007']])).not.toContain('\u001b');
});

test('in JSON the same is an escape of JSON’s own, and means what it meant', () => {
  const value = { a: '\u009b31m\u202e\u{e0041}\u2028\ud800 Zoë 😀', b: ['\u0007\n'] };
  const json = printableJson(JSON.stringify(value, null, 2));
  expect(json).toContain('"\\u009b31m\\u202e\\udb40\\udc41\\u2028\\ud800 Zoë 😀"');
  expect(JSON.parse(json)).toEqual(value);
  expect(printableJson('no JSON \u001b[31m')).toBe('no JSON \\u001b[31m');
});

test('times are told to the second and as a distance', () => {
  const now = new Date('2026-11-23T10:00:00Z');
  expect(renderTime('2026-11-23T10:00:00.987654Z')).toBe('2026-11-23T10:00:00Z');
  expect(renderTime('soon')).toBe('soon');
  expect(renderDistance('2026-11-23T10:29:40Z', now)).toBe('in 30 min');
  expect(renderDistance('2026-11-23T07:00:00Z', now)).toBe('3 h ago');
  expect([0, 342, 12_400, 119_000, 7_000_000, 200_000_000].map(renderSpan)).toEqual([
    '0 s',
    '0.34 s',
    '12 s',
    '119 s',
    '117 min',
    '2 d',
  ]);
});
