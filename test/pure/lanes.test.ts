import { v7 as uuidV7 } from 'uuid';
import { expect, test } from 'vitest';
import { splitByAge } from '../../src/queue/lateness.ts';
import { createLanes } from '../../src/workers/lanes.ts';
import { until } from '../support/until.ts';

const idsOf = (count: number) => Array.from({ length: count }, (_, index) => String(index));

test('an id tells whether its delivery is late', () => {
  const nowMs = Date.parse('2026-11-25T12:00:00Z');
  const [old, young] = [uuidV7({ msecs: nowMs - 5_001 }), uuidV7({ msecs: nowMs - 5_000 })];
  expect(splitByAge([old, young], nowMs, 5_000)).toEqual({ live: [young], late: [old] });
  expect(splitByAge([young], nowMs, 5_000)).toEqual({ live: [young], late: [] });
  expect(splitByAge([uuidV7({ msecs: nowMs + 60_000 })], nowMs, 5_000).late).toEqual([]);
});

test('while nothing new comes in, late ones are processed as they come', async () => {
  const batches: number[] = [];
  const lanes = createLanes(async (ids) => void batches.push(ids.length));
  await Promise.all([lanes.late(idsOf(500)), lanes.late(idsOf(300))]);
  expect(batches).toEqual([500, 300]);
});

test('while new ones come in, late ones go on in pieces, one at a time, and never wait for ever', async () => {
  let running = 0;
  let most = 0;
  const pieces: string[][] = [];
  const lanes = createLanes(async (ids) => {
    if (ids.includes('new')) return;
    running += 1;
    most = Math.max(most, running);
    pieces.push([...ids]);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
  });
  await lanes.mixed({ live: ['new'], late: [] }, async () => true);
  await Promise.all([lanes.late(idsOf(480)), lanes.late(idsOf(240))]);
  expect(most).toBe(1);
  expect(pieces.map(({ length }) => length).sort((a, b) => a - b)).toEqual([40, 80, 200, 200, 200]);
  expect(new Set(pieces.flat()).size).toBe(480);
});

test('a piece that fails is told to who brought it, and the next one goes on', async () => {
  let isBroken = true;
  const done: number[] = [];
  const lanes = createLanes(async (ids) => {
    if (isBroken && !ids.includes('new')) throw new Error('broken');
    done.push(ids.length);
  });
  await lanes.mixed({ live: ['new'], late: [] }, async () => true);
  await expect(lanes.late(idsOf(10))).rejects.toThrow('broken');
  isBroken = false;
  await lanes.late(idsOf(20));
  await until(() => done.includes(20));
});

test('what has become late in the queue of the new ones is moved, and stays where nobody is in its way or moving fails', async () => {
  const processed: (readonly string[])[] = [];
  const moved: (readonly string[])[] = [];
  const lanes = createLanes(async (ids) => void processed.push(ids));
  const move = (canMove: boolean) => async (ids: readonly string[]) => {
    if (canMove) moved.push(ids);
    return canMove;
  };
  await lanes.mixed({ live: [], late: ['a'] }, move(true));
  expect({ processed, moved }).toEqual({ processed: [['a']], moved: [] });
  await lanes.mixed({ live: ['c'], late: ['b'] }, move(true));
  expect({ processed, moved }).toEqual({ processed: [['a'], ['c']], moved: [['b']] });
  await lanes.mixed({ live: [], late: ['d'] }, move(true));
  await lanes.mixed({ live: [], late: ['e'] }, move(false));
  await lanes.mixed({ live: ['f'], late: [] }, move(true));
  expect({ processed, moved }).toEqual({ processed: [['a'], ['c'], ['e'], ['f']], moved: [['b'], ['d']] });
});
