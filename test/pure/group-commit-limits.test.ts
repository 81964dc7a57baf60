// What the group commit says of itself, and the bounds of a group: how long one would have to wait, when it is full, when
// nothing waits any more. The clock is turned by hand.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { NewDelivery, RecordedDelivery } from '../../src/db/deliveries.ts';
import { ServiceError } from '../../src/errors.ts';
import type { DeliveryId } from '../../src/events/event.ts';
import { createGroupCommit, type OutageLine } from '../../src/http/group-commit.ts';

const mebibyteBytes = 1024 * 1024;
const unavailable = new ServiceError('unavailable', 'away');
let nowMs = 0;

beforeEach(() => {
  nowMs = 5_000;
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
});
afterEach(() => {
  vi.restoreAllMocks();
});

const turn = () => new Promise((resolve) => setImmediate(resolve));

interface Commit {
  readonly ids: string[];
  /** Lets it through after so many milliseconds, or breaks it. */
  readonly finish: (tookMs: number, error?: Error) => Promise<void>;
}

function setUp({ outage, answers }: { outage?: OutageLine; answers?: RecordedDelivery[] } = {}) {
  const commits: Commit[] = [];
  const told: [number, number][] = [];
  const group = createGroupCommit({
    record: (given) =>
      new Promise((resolve, reject) => {
        commits.push({
          ids: given.map(({ id }) => id),
          finish: (tookMs, error) => {
            nowMs += tookMs;
            if (error === undefined) resolve(answers ?? given.map(({ id }) => ({ id, isRepeat: false })));
            else reject(error);
            return turn().then(() => {});
          },
        });
      }),
    outage,
    announce: () => {},
    groupMaxDeliveries: 2,
    queueMaxDeliveries: 5,
    onCommit: (count, seconds) => void told.push([count, seconds]),
  });
  const store = (id: string, bodyBytes = 0) => {
    const stored = group.store({ id: id as DeliveryId, body: { length: bodyBytes } } as NewDelivery);
    stored.catch(() => {}); // each test looks at those that it is about
    return stored;
  };
  return { group, commits, told, store };
}

describe('how long one that comes now would wait', () => {
  test('is nothing while nothing is under way and nothing is known', async () => {
    const { group, commits, store } = setUp();
    expect(group.expectedWaitMs()).toBe(0);
    store('a');
    await commits[0]?.finish(100);
    expect(group.expectedWaitMs()).toBe(0);
  });

  test('is the commit under way: as the last ones went, or as long as it takes already', async () => {
    const { group, commits, store } = setUp();
    store('a');
    nowMs += 40;
    expect(group.expectedWaitMs()).toBe(40);
    await commits[0]?.finish(60);
    store('b');
    expect(group.expectedWaitMs()).toBe(100);
    nowMs += 250;
    expect(group.expectedWaitMs()).toBe(250);
  });

  test('and each full group ahead as the last ones went', async () => {
    const { group, commits, store } = setUp();
    store('0');
    await commits[0]?.finish(100);
    store('under way');
    for (const id of ['a', 'b', 'c']) store(id);
    expect(group.expectedWaitMs()).toBe(200);
    store('d');
    expect(group.expectedWaitMs()).toBe(300);
  });

  test('of the last ones the newest weighs a fifth', async () => {
    const { group, commits, store } = setUp();
    store('a');
    await commits[0]?.finish(100);
    store('b');
    await commits[1]?.finish(200);
    store('c');
    expect(group.expectedWaitMs()).toBeCloseTo(120);
  });

  test('a failed commit says nothing about those to come', async () => {
    const { group, commits, store } = setUp();
    store('a');
    await commits[0]?.finish(100);
    store('b');
    await commits[1]?.finish(9_000, unavailable);
    expect(group.expectedWaitMs()).toBe(0);
    store('c');
    expect(group.expectedWaitMs()).toBe(0);
  });

  test('nor does how long it took to find out that there is an outage', async () => {
    const outage = { keepInOutage: async () => undefined, keepFailed: async () => 1 };
    const { group, commits, store } = setUp({ outage });
    const stored = store('a');
    await turn();
    await commits[0]?.finish(9_000, unavailable);
    expect(await stored).toEqual({ id: 'a', isRepeat: false });
    store('b');
    expect(group.expectedWaitMs()).toBe(0);
  });
});

test('guarantee 10: it is full with as many waiting as may wait, and says so before one more is turned away', async () => {
  const { group, commits, store } = setUp();
  store('under way');
  for (const id of ['a', 'b', 'c', 'd']) store(id);
  expect(group.isFull()).toBe(false);
  store('e');
  expect(group.isFull()).toBe(true);
  await expect(store('f')).rejects.toThrow('5 deliveries wait for the database already');
  await commits[0]?.finish(1);
  expect(group.isFull()).toBe(false);
});

test('guarantee 10: a group ends with the body that makes it 16 MiB', async () => {
  const { commits, store } = setUp();
  store('under way');
  store('a', 16 * mebibyteBytes - 1);
  store('b', 1);
  store('c', 16 * mebibyteBytes);
  store('d');
  for (let index = 0; index < 4; index += 1) await commits[index]?.finish(1);
  expect(commits.map(({ ids }) => ids)).toEqual([['under way'], ['a', 'b'], ['c'], ['d']]);
});

test('guarantee 12: it is drained when nothing waits any more, and at once when nothing does', async () => {
  const { group, commits, store } = setUp();
  await group.drain();
  store('a');
  store('b');
  let isDrained = false;
  const drained = group.drain().then(() => {
    isDrained = true;
  });
  await commits[0]?.finish(1);
  expect(isDrained).toBe(false);
  await commits[1]?.finish(1);
  await drained;
});

test('each commit is told with its size and its seconds', async () => {
  const { commits, store, told } = setUp();
  store('a');
  store('b');
  store('c');
  await commits[0]?.finish(250);
  await commits[1]?.finish(1_500);
  expect(told).toEqual([
    [1, 0.25],
    [2, 1.5],
  ]);
});

test('guarantee 1: nobody is answered for whom the database gave no answer', async () => {
  const { commits, store } = setUp({ answers: [] });
  const stored = store('a');
  await commits[0]?.finish(1);
  await expect(stored).rejects.toThrow('fewer deliveries than it was given');
});

test('what cannot be told apart from a bug of ours costs its group alone, and the next one goes on', async () => {
  const outage = {
    keepInOutage: vi.fn(async () => undefined).mockRejectedValueOnce(new Error('a bug')),
    keepFailed: async () => 0,
  };
  const { group, commits, store } = setUp({ outage });
  await expect(store('a')).rejects.toThrow('a bug');
  expect(group.expectedWaitMs()).toBe(0);
  const next = store('b');
  await turn();
  await commits[0]?.finish(1);
  expect(await next).toEqual({ id: 'b', isRepeat: false });
});

test('trouble of another code than unavailable is that of one delivery, not of the database', async () => {
  const { commits, store } = setUp();
  store('under way');
  const [bad, good] = [store('bad'), store('good')];
  await commits[0]?.finish(1);
  await commits[1]?.finish(1, new ServiceError('overloaded', 'too much'));
  await commits[2]?.finish(1, new ServiceError('overloaded', 'too much'));
  await commits[3]?.finish(1);
  await expect(bad).rejects.toMatchObject({ code: 'overloaded' });
  expect(await good).toEqual({ id: 'good', isRepeat: false });
});

test('guarantee 2: while the outage lasts the database is not asked, and what does not fit is told why', async () => {
  const fits = { keepInOutage: async () => 1, keepFailed: async () => 0 };
  const { commits, store } = setUp({ outage: fits });
  expect(await store('a')).toEqual({ id: 'a', isRepeat: false });
  expect(commits).toEqual([]);
  const full = { keepInOutage: async () => 0, keepFailed: async () => 0 };
  await expect(setUp({ outage: full }).store('b')).rejects.toThrow('the outage store takes no more');
});
