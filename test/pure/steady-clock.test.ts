// What the service takes for the time when clocks jump: its own passed time and the database's clock against the machine's.
import { expect, test } from 'vitest';
import { believedAfterMs, createSteadyClock } from '../../src/steady-clock.ts';
import { silent } from '../support/service.ts';

const begin = Date.parse('2026-11-25T12:00:00Z');
const dayMs = 24 * 60 * 60_000;
const yearMs = 365 * dayMs;

// Time passes by `pass`; each clock is off by what is set.
function createWorld() {
  const world = { passedMs: 0, wallOffMs: 0, databaseOffMs: 0 as number | undefined };
  const wall = () => new Date(begin + world.passedMs + world.wallOffMs);
  const clock = createSteadyClock({
    wall,
    passedMs: () => world.passedMs,
    readDatabaseNow: async () => {
      if (world.databaseOffMs === undefined) throw new Error('the database is away');
      return new Date(begin + world.passedMs + world.databaseOffMs);
    },
    log: silent,
  });
  const offMs = () => clock.now().getTime() - begin - world.passedMs;
  return { world, clock, offMs };
}

test.each([
  ['ahead', yearMs],
  ['back', -yearMs],
])('a year %s and back again: time goes on, and nothing is forgotten meanwhile', async (_name, jumpMs) => {
  const { world, clock, offMs } = createWorld();
  await clock.look();
  expect([offMs(), clock.mayForget()]).toEqual([0, true]);
  world.wallOffMs = jumpMs;
  // At once, before anybody has looked.
  expect([offMs(), clock.mayForget()]).toEqual([0, false]);
  for (let minute = 0; minute < 60; minute += 1) {
    world.passedMs += 60_000;
    await clock.look();
    expect([offMs(), clock.mayForget()]).toEqual([0, false]);
  }
  world.wallOffMs = 0;
  await clock.look();
  expect([offMs(), clock.mayForget()]).toEqual([0, true]);
});

test('where the database’s clock has jumped too, the jump is believed after minutes, and nothing is forgotten for a day', async () => {
  const { world, clock, offMs } = createWorld();
  await clock.look();
  [world.wallOffMs, world.databaseOffMs] = [yearMs, yearMs];
  await clock.look();
  world.passedMs += believedAfterMs - 1;
  await clock.look();
  expect(offMs()).toBe(0);
  world.passedMs += 1;
  await clock.look();
  expect([offMs(), clock.mayForget()]).toEqual([yearMs, false]);
  world.passedMs += dayMs;
  await clock.look();
  expect(clock.mayForget()).toBe(false);
  world.passedMs += 1;
  expect(clock.mayForget()).toBe(true);
});

test('a clock that is put right by little steps is followed', async () => {
  const { world, clock, offMs } = createWorld();
  for (const step of [500, -20_000, 29_000]) {
    world.wallOffMs += step;
    expect(offMs()).toBe(world.wallOffMs);
  }
  await clock.look();
  expect(clock.mayForget()).toBe(true);
});

test('a clock that was wrong from the start forgets nothing, nor does one whose database cannot be asked', async () => {
  const { world, clock } = createWorld();
  expect(clock.mayForget()).toBe(false);
  world.databaseOffMs = -yearMs;
  await clock.look();
  expect(clock.mayForget()).toBe(false);
  world.databaseOffMs = undefined;
  await clock.look();
  expect(clock.mayForget()).toBe(false);
  world.databaseOffMs = 0;
  await clock.look();
  expect(clock.mayForget()).toBe(true);
});
