// What becomes of lines that cannot be written, and of those that wait when the process ends.
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createLogOutput } from '../../src/log.ts';
import { until } from '../support/until.ts';

test('lines leave in order; what is too much at once is lost, and told of once lines can be written again', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ilive-log-'));
  try {
    const file = join(dir, 'log');
    const lost: number[] = [];
    const output = createLogOutput({
      fd: openSync(file, 'a'),
      maxWaitingCharacters: 25,
      onLost: (count) => lost.push(count),
    });
    output.write('first 6789\n'); // on its way at once
    output.write('second 789\n');
    output.write('third 6789\n');
    output.write('fourth 789\n'); // a third one that would wait
    await until(() => lost.length > 0);
    output.write('fifth 6789\n');
    await until(() => readFileSync(file, 'utf8').includes('fifth'));
    expect(readFileSync(file, 'utf8')).toBe('first 6789\nsecond 789\nthird 6789\nfifth 6789\n');
    expect(lost).toEqual([1]);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
