// When the outage store is used and when it is left again: on a real store, with a database that a test lets go and takes away.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { ServiceError } from '../../src/errors.ts';
import { createLog } from '../../src/log.ts';
import { createOutage, type Outage } from '../../src/outage/outage.ts';
import { bytes, useOutageFolder } from '../support/outage-folder.ts';
import { until } from '../support/until.ts';

const { open, folder } = useOutageFolder();
const away = new ServiceError('unavailable', 'away');
let outage: Outage | undefined;
afterEach(() => outage?.stop());

async function setUp(database: {
  commit?: () => Promise<void>;
  record: (payload: string) => Promise<void> | void;
}) {
  const recorded: string[] = [];
  const record = async (payloads: readonly Buffer[]) => {
    await database.commit?.();
    for (const payload of payloads) await database.record(String(payload));
    recorded.push(...payloads.map(String));
  };
  const store = await open();
  outage = createOutage({
    store,
    maxBytes: 2 ** 30,
    record,
    onKept: () => {},
    onDrained: () => {},
    log: createLog('silent'),
  });
  return { outage, recorded, store };
}
const ended = (line: Outage) => until(() => line.look().since === null);

test('guarantee 2: it ends although new groups come without a pause, and what comes then goes to the database', async () => {
  let isAway = true;
  const { outage: line, recorded } = await setUp({
    commit: () => wait(20), // slower than the store, so that it is never found empty
    record: () => {
      if (isAway) throw away;
    },
  });
  await line.keepFailed(bytes('0'), away);
  const told = ['0'];
  for (let count = 1; ; count += 1) {
    if (count === 50) isAway = false;
    // As the group commit does: the next group as soon as the one before is answered.
    if ((await line.keepInOutage(() => bytes(String(count)))) === undefined) break;
    told.push(String(count));
    expect(count).toBeLessThan(20_000);
  }
  expect(line.look()).toMatchObject({ state: 'ready', since: null, heldCount: 0, heldBytes: 0 });
  expect(recorded).toEqual(told);
});

test('guarantee 2: nobody waits for a database that hangs', async () => {
  const { promise: hangs, resolve: letGo } = Promise.withResolvers<void>();
  let hasHung = false;
  let hasEnded = false;
  const { outage: line } = await setUp({
    record: async () => {
      hasHung = true;
      await hangs;
      hasEnded = true;
      throw away;
    },
  });
  await line.keepFailed(bytes('0'), away);
  await until(() => hasHung);
  for (let count = 0; count < 10; count += 1) expect(await line.keepInOutage(() => bytes('x'))).toBe(1);
  expect(hasEnded).toBe(false);
  letGo();
});

test('guarantee 1: what the database refuses as data is set aside, and its neighbours are recorded in their order', async () => {
  let isAway = true;
  const { outage: line, recorded } = await setUp({
    record: (payload) => {
      if (isAway) throw away;
      if (payload === 'bad') throw new Error('refused');
    },
  });
  await line.keepFailed(bytes('1', 'bad', '2'), away);
  isAway = false;
  await ended(line);
  expect(recorded).toEqual(['1', '2']);
  expect(line.look()).toMatchObject({ heldCount: 0, damagedCount: 1 });
});

test('guarantee 2: a database that is too slow for a whole batch gets smaller ones', async () => {
  const store = await open();
  const recorded: string[] = [];
  const record = async (payloads: readonly Buffer[]) => {
    if (payloads.length > 50) throw away;
    recorded.push(...payloads.map(String));
  };
  outage = createOutage({
    store,
    maxBytes: 2 ** 30,
    record,
    onKept: () => {},
    onDrained: () => {},
    log: createLog('silent'),
  });
  const told = Array.from({ length: 400 }, (_, index) => String(index));
  await outage.keepFailed(bytes(...told), away);
  await ended(outage);
  expect(recorded).toEqual(told);
});

test('a store that was full is not any more once it is empty, however it was drained', async () => {
  const maxBytes = 1_000;
  const store = await open({ maxBytes });
  outage = createOutage({
    store,
    maxBytes,
    record: async () => {}, // the first batch takes all there is, and nothing is left for the last one
    onKept: () => {},
    onDrained: () => {},
    log: createLog('silent'),
  });
  const told = Array.from({ length: 100 }, (_, index) => String(index));
  expect(await outage.keepFailed(bytes(...told), away)).toBeLessThan(told.length);
  await ended(outage);
  expect(outage.look()).toMatchObject({ state: 'ready', heldCount: 0 });
});

test('a store that was full counts again as soon as there is room in it, and not only once it is drained', async () => {
  const maxBytes = 24 * 2 ** 20;
  const store = await open({ maxBytes });
  const { promise: goesOn, resolve: goOn } = Promise.withResolvers<void>();
  let isAway = true;
  let count = 0;
  const line = createOutage({
    store,
    maxBytes,
    record: async (payloads) => {
      if (isAway) throw away;
      count += payloads.length;
      if (count > 16) await goesOn;
    },
    onKept: () => {},
    onDrained: () => {},
    log: createLog('silent'),
  });
  outage = line;
  const megabyte = [Buffer.alloc(2 ** 20)];
  await line.keepFailed(megabyte, away);
  while ((await line.keepInOutage(() => megabyte)) === 1);
  expect(line.look().state).toBe('full');
  isAway = false;
  await until(() => line.look().state === 'taking');
  expect(line.look().heldCount).toBeGreaterThan(5);
  goOn();
  await ended(line);
  expect(line.look().state).toBe('ready');
});

test('a store that could not be written is found to be whole again by itself, with nothing to keep, and nothing is left of the look', async () => {
  let isAway = true;
  const { outage: line, recorded } = await setUp({
    record: () => {
      if (isAway) throw away;
    },
  });
  await ended(line);
  await rm(folder(), { recursive: true });
  expect(await line.keepFailed(bytes('lost'), away)).toBe(0);
  await ended(line);
  expect(line.look().state).toBe('failing');
  await mkdir(folder());
  await until(() => line.look().state === 'ready');
  expect(await readdir(folder())).toEqual([]);
  // And it takes what comes then.
  expect(await line.keepFailed(bytes('kept'), away)).toBe(1);
  isAway = false;
  await ended(line);
  expect(recorded).toEqual(['kept']);
});

test('guarantee 2: a disk that fails while the store is drained keeps no outage open, and new groups go to the database', async () => {
  let isAway = true;
  const { outage: line, recorded } = await setUp({
    record: async () => {
      if (isAway) throw away;
      await rm(folder(), { recursive: true, force: true });
    },
  });
  await line.keepFailed(bytes('1', '2'), away);
  isAway = false;
  await ended(line);
  expect(recorded).toEqual(['1', '2']);
  expect(await line.keepInOutage(() => bytes('3'))).toBeUndefined();
  expect(line.look()).toMatchObject({ state: 'ready', heldCount: 0, heldBytes: 0 });
});

test('an outage that begins as the last one ends is drained as well', async () => {
  let isAway = true;
  const { outage: line, recorded } = await setUp({
    record: () => {
      if (isAway) throw away;
    },
  });
  for (let round = 0; round < 30; round += 1) {
    isAway = true;
    await line.keepFailed(bytes(String(round)), away);
    isAway = false;
    await ended(line);
  }
  expect(recorded).toEqual(Array.from({ length: 30 }, (_, round) => String(round)));
});

test('guarantee 2: a group of the time before, whose commit fails while the last of the store is recorded, is drained as well', async () => {
  let during: (() => Promise<unknown>) | undefined;
  const { outage: line, recorded } = await setUp({
    record: async () => {
      const late = during;
      during = undefined;
      await late?.();
    },
  });
  for (let round = 0; round < 20; round += 1) {
    during = () => line.keepFailed(bytes(`second group ${round}`), away);
    await line.keepFailed(bytes(`first group ${round}`), away);
    await until(() => recorded.length === 2 * (round + 1));
    await ended(line);
    expect(line.look().heldCount).toBe(0);
  }
});
