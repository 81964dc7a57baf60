// How a process follows the change feed: what it reads of it while somebody waits, and after nobody did for a while.
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { type Change, comparePositions, type FeedPosition } from '../../src/db/changes.ts';
import { createChangeFeed } from '../../src/http/change-feed.ts';
import { silent } from '../support/service.ts';
import { until } from '../support/until.ts';

afterEach(() => vi.useRealTimers());

const start: FeedPosition = { generation: 1, xid: '1000', seq: 0 };

/** A feed over changes in memory, with a note of the places behind which it was read. */
function follow() {
  const changes: Change[] = [];
  const readBehind: FeedPosition[] = [];
  let endsFound = 0;
  const end = () => changes.at(-1) ?? start;
  const feed = createChangeFeed({
    readChanges: async (after, limit) => {
      readBehind.push(after);
      const behind = changes.filter((change) => comparePositions(change, after) > 0);
      await turn(); // as long as a database takes at least
      return { changes: behind.slice(0, limit), isHeldBack: false };
    },
    findEnd: async () => {
      endsFound += 1;
      return end();
    },
    readBounds: async () => ({ droppedThrough: start, generation: 1, nextXid: '9999' }),
    log: silent,
  });
  const commit = (count: number) => {
    for (let index = 0; index < count; index += 1) {
      changes.push({ ...start, seq: end().seq + 1 } as Change);
    }
    feed.ring();
  };
  /** Waits at the end until one more change has come. */
  const waitForOne = async () => {
    const before = readBehind.length;
    const told = feed.news(end(), new AbortController().signal);
    await until(() => readBehind.length > before);
    commit(1);
    await told;
  };
  return { feed, end, commit, waitForOne, readBehind, endsFound: () => endsFound };
}

test('what came while nobody followed is not read by who then waits at the end', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const it = follow();
  await it.waitForOne();
  vi.advanceTimersByTime(60_000);
  it.commit(5_000);
  const [before, end] = [it.readBehind.length, it.end()];
  await it.waitForOne();
  const read = it.readBehind.slice(before);
  expect(read.length).toBeLessThan(5);
  expect(read.every(({ seq }) => seq >= end.seq)).toBe(true);
  expect(await it.feed.read(end, 10)).toEqual([it.end()]);
  await it.feed.close();
});

test('whoever waits again within a few seconds goes on from what is in memory', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const it = follow();
  await it.waitForOne();
  const known = it.end();
  vi.advanceTimersByTime(5_000);
  it.commit(3);
  await it.waitForOne();
  expect(it.endsFound()).toBe(1);
  const before = it.readBehind.length;
  expect(await it.feed.read(known, 10)).toHaveLength(4);
  expect(it.readBehind).toHaveLength(before);
  await it.feed.close();
});
