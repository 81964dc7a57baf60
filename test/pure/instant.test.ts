import { expect, test } from 'vitest';
import { instantOf, parseInstant } from '../../src/events/instant.ts';

test.each([
  ['2026-04-11T09:30:12.456789+00:00', '2026-04-11T09:30:12.456789Z'],
  ['2026-04-11T09:30:12Z', '2026-04-11T09:30:12.000000Z'],
  ['2026-04-11T09:30:12.4+02:00', '2026-04-11T07:30:12.400000Z'],
  ['2026-04-11T23:30:12.1234567-0130', '2026-04-12T01:00:12.123456Z'],
  ['2024-02-29T00:00:00z', '2024-02-29T00:00:00.000000Z'],
  ['2026-04-11T23:59:59+23:59', '2026-04-11T00:00:59.000000Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000000Z'],
  ['9999-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999999Z'],
])('reads %s as %s', (text, canonical) => {
  expect(parseInstant(text)).toBe(canonical);
});

test.each([
  '',
  'yesterday',
  '2026-04-11',
  '2026-04-11T09:30:12',
  '2026-02-30T09:30:12Z',
  '2026-04-11T24:00:00Z',
  '2026-04-11T09:30:12+25:00',
  '2026-04-11T09:30:12+24:00',
  '2026-04-11T09:30:12+01:60',
  ' 2026-04-11T09:30:12Z',
  '2026-04-11T09:30:12Z ',
  '0000-12-31T23:59:59Z',
  '0001-01-01T00:00:00+00:01',
  '9999-12-31T23:59:59-00:01',
  '2026-13-01T00:00:00Z',
  '1777777777',
])('refuses %s', (text) => {
  expect(parseInstant(text)).toBeUndefined();
});

test('two instants compare as texts the way they compare as times, below the millisecond', () => {
  const earlier = parseInstant('2026-04-11T09:30:12.456788+00:00') ?? '';
  const later = parseInstant('2026-04-11T11:30:12.456789+02:00') ?? '';
  expect(earlier < later).toBe(true);
});

test('a date is an instant with three zeros', () => {
  expect(instantOf(new Date('2026-04-11T09:30:12.456Z'))).toBe('2026-04-11T09:30:12.456000Z');
});
