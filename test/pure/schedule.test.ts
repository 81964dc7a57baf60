// What a scheduled task says of itself while what it needs is away: enough to know of it, and not a line each turn.
import { expect, test } from 'vitest';
import type { Log } from '../../src/log.ts';
import { schedule } from '../../src/schedule.ts';
import { useUndo } from '../support/undo.ts';
import { until } from '../support/until.ts';

const undo = useUndo();

/** A task that can be broken and mended, every millisecond, and the lines that came of it. */
function scheduleTask({ isBroken }: { isBroken: boolean }) {
  const lines: { level: string; message: string }[] = [];
  const write = (level: string) => (_fields: unknown, message: string) => void lines.push({ level, message });
  const log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  const task = { isBroken, turns: 0 };
  const { stop } = schedule(
    'sweep',
    1,
    async () => {
      task.turns += 1;
      if (task.isBroken) throw new Error('the database is away');
    },
    log as unknown as Log,
  );
  undo.push(stop);
  const turnsFromNow = (count: number) => {
    const from = task.turns;
    return until(() => task.turns >= from + count, { describe: `${count} more turns` });
  };
  return { task, lines, turnsFromNow };
}

test('a task that goes on failing is told at once, and not again each turn', async () => {
  const { lines, turnsFromNow } = scheduleTask({ isBroken: true });
  await turnsFromNow(20);
  expect(lines).toEqual([{ level: 'warn', message: 'a scheduled task failed; it will run again' }]);
});

test('a task that failed and succeeds again says so, once', async () => {
  const { task, lines, turnsFromNow } = scheduleTask({ isBroken: true });
  await turnsFromNow(5);
  task.isBroken = false;
  await turnsFromNow(20);
  expect(lines.slice(1)).toEqual([{ level: 'info', message: 'a scheduled task succeeds again' }]);
});

test('a task that never fails says nothing', async () => {
  const { lines, turnsFromNow } = scheduleTask({ isBroken: false });
  await turnsFromNow(20);
  expect(lines).toEqual([]);
});
