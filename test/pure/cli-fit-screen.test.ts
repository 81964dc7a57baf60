// What a terminal shows of a screen that is drawn again and again.
import { expect, test } from 'vitest';
import { fitScreen } from '../../src/cli/fit-screen.ts';

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `line ${index + 1}`);

test('a screen that fits stays as it is, with a row for the cursor', () => {
  const screen = numbered(23).join('\n');
  expect(fitScreen(screen, { columns: 80, rows: 24 })).toBe(screen);
});

test('of a higher one the end is left out', () => {
  const shown = fitScreen(numbered(24).join('\n'), { columns: 80, rows: 24 });
  expect(shown.split('\n')).toEqual([...numbered(22), '…']);
});

test('a line that is longer than the terminal is wide counts as the rows that it takes, without its colours', () => {
  const long = `\u001b[31m${'x'.repeat(160)}\u001b[39m`;
  const shown = fitScreen([long, ...numbered(4)].join('\n'), { columns: 80, rows: 6 });
  expect(shown.split('\n')).toEqual([long, 'line 1', 'line 2', '…']);
});
