// Times on the command line: as people write them, each day from midnight UTC, and what is wrong is told with the form.
import { expect, test } from 'vitest';
import type { Given } from '../../src/cli/command.ts';
import { readTimes } from '../../src/cli/time-option.ts';

const now = new Date('2026-11-25T12:00:00Z');
const read = (options: Record<string, string>) => {
  const given: Given = { operands: [], text: (name) => options[name], has: (name) => name in options };
  return readTimes(given, now, 'x');
};

test.each<[Record<string, string>, object]>([
  [{ since: '2h' }, { from: '2026-11-25T10:00:00.000000Z' }],
  [{ since: '2026-11-25' }, { from: '2026-11-25T00:00:00.000000Z' }],
  [
    { from: '2026-11-24', to: '2026-11-25' },
    { from: '2026-11-24T00:00:00.000000Z', to: '2026-11-25T00:00:00.000000Z' },
  ],
  [{ from: '2026-11-24T01:00:00+01:00' }, { from: '2026-11-24T00:00:00.000000Z' }],
  [
    { from: '2026-11-24T01:00:00.456100Z', to: '2026-11-24T01:00:00.456900Z' },
    { from: '2026-11-24T01:00:00.456100Z', to: '2026-11-24T01:00:00.456900Z' },
  ],
])('%j is read', (options, times) => {
  expect(read(options)).toEqual(times);
});

test.each<[Record<string, string>, string]>([
  [{ since: '2026-11-25T10:30:00' }, 'a time such as 2026-11-23T10:30:00Z, or a day such as 2026-11-23'],
  [{ from: '2026-11-31' }, '--from must be a time such as 2026-11-23T10:30:00Z, or a day'],
  [{ since: '999999d' }, '--since must be a length of time such as 30m, 2h or 7d'],
  [{ since: '-2h' }, '--since must be a length of time'],
  [{ from: '2026-11-25', to: '2026-11-24' }, '--from (or --since) must lie before --to.'],
  [{ since: '1h', to: '2026-11-25' }, '--from (or --since) must lie before --to.'],
])('%j is told', (options, sentence) => {
  expect(() => read(options)).toThrow(sentence);
});
