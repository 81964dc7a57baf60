import { describe, expect, test } from 'vitest';
import type { NewDelivery, RecordedDelivery } from '../../src/db/deliveries.ts';
import { ServiceError } from '../../src/errors.ts';
import type { DeliveryId } from '../../src/events/event.ts';
import { createGroupCommit, type OutageLine } from '../../src/http/group-commit.ts';

const delivery = (id: string) => ({ id: id as DeliveryId, body: Buffer.alloc(0) }) as unknown as NewDelivery;
const unavailable = new ServiceError('unavailable', 'away');

// A disk that a test holds up and lets go, or breaks, group by group.
function createDisk() {
  const groups: { readonly ids: string[]; readonly finish: (error?: Error) => void }[] = [];
  const record = (group: readonly NewDelivery[]) =>
    new Promise<RecordedDelivery[]>((resolve, reject) => {
      const results = group.map(({ id }) => ({ id, isRepeat: id.startsWith('again') }));
      groups.push({
        ids: group.map(({ id }) => id),
        finish: (error) => (error === undefined ? resolve(results) : reject(error)),
      });
    });
  return { groups, record };
}

function setUp(
  limits: { groupMaxDeliveries?: number; queueMaxDeliveries?: number; outage?: OutageLine } = {},
) {
  const disk = createDisk();
  const announced: (readonly string[])[] = [];
  const group = createGroupCommit({
    record: disk.record,
    outage: limits.outage,
    announce: (ids) => void announced.push(ids),
    groupMaxDeliveries: limits.groupMaxDeliveries ?? 100,
    queueMaxDeliveries: limits.queueMaxDeliveries ?? 100,
    onCommit: () => {},
  });
  const store = (id: string) => group.store(delivery(id));
  return { ...disk, announced, group, store };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('a lone delivery waits for nothing, and those that come meanwhile are one group', async () => {
  const { groups, store, announced } = setUp();
  const stored = [store('a'), store('b'), store('c')];
  expect(groups.map(({ ids }) => ids)).toEqual([['a']]);
  groups[0]?.finish();
  await turn();
  expect(groups.map(({ ids }) => ids)).toEqual([['a'], ['b', 'c']]);
  groups[1]?.finish();
  expect((await Promise.all(stored)).map(({ id }) => id)).toEqual(['a', 'b', 'c']);
  expect(announced).toEqual([['a'], ['b', 'c']]);
});

test('a second group sets out beside the first once sixteen wait, and no third does', async () => {
  const { groups, store } = setUp();
  const stored = Array.from({ length: 60 }, (_, index) => store(String(index)));
  expect(groups.map(({ ids }) => ids.length)).toEqual([1, 16]);
  groups[1]?.finish();
  await turn();
  expect(groups.map(({ ids }) => ids.length)).toEqual([1, 16, 43]);
  groups[0]?.finish();
  groups[2]?.finish();
  expect((await Promise.all(stored)).map(({ id }) => id)).toEqual(stored.map((_, index) => String(index)));
});

test('guarantee 1: nobody is answered before the commit is through', async () => {
  const { groups, store } = setUp();
  let isAnswered = false;
  const stored = store('a').then(() => {
    isAnswered = true;
  });
  await turn();
  expect(isAnswered).toBe(false);
  groups[0]?.finish();
  await stored;
  expect(isAnswered).toBe(true);
});

test('a repeat is not announced again', async () => {
  const { groups, store, announced } = setUp();
  const stored = store('again-1');
  groups[0]?.finish();
  expect(await stored).toEqual({ id: 'again-1', isRepeat: true });
  expect(announced).toEqual([]);
});

describe('guarantee 10: limits', () => {
  test('a group holds no more than its limit', async () => {
    const { groups, store, group } = setUp({ groupMaxDeliveries: 2 });
    const stored = ['a', 'b', 'c', 'd', 'e'].map(store);
    for (let index = 0; index < 3; index += 1) {
      groups[index]?.finish();
      await turn();
    }
    await Promise.all(stored);
    expect(groups.map(({ ids }) => ids)).toEqual([['a'], ['b', 'c'], ['d', 'e']]);
    await group.drain();
  });

  test('past the queue’s limit a delivery is told so at once, and the others are not harmed', async () => {
    const { groups, store } = setUp({ queueMaxDeliveries: 2 });
    const accepted = [store('a'), store('b'), store('c')];
    await expect(store('d')).rejects.toMatchObject({ code: 'overloaded', retryAfterMs: 1_000 });
    groups[0]?.finish();
    await turn();
    groups[1]?.finish();
    await Promise.all(accepted);
  });
});

describe('guarantee 4: trouble', () => {
  test('a database that is away is told to the group and to all who wait behind it', async () => {
    const { groups, store } = setUp();
    const stored = Promise.allSettled([store('a'), store('b'), store('c')]);
    groups[0]?.finish(unavailable);
    expect((await stored).map((each) => each.status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(groups).toHaveLength(1);
    const later = store('d');
    groups[1]?.finish();
    expect(await later).toMatchObject({ id: 'd' });
  });

  test('one delivery that the database will not take costs its neighbours nothing', async () => {
    const { groups, store } = setUp();
    const first = store('a');
    const stored = Promise.allSettled([store('b'), store('bad'), store('c')]);
    groups[0]?.finish();
    await first;
    await turn();
    groups[1]?.finish(new Error('refused'));
    for (let index = 2; index < 5; index += 1) {
      await turn();
      groups[index]?.finish(groups[index]?.ids[0] === 'bad' ? new Error('refused') : undefined);
    }
    expect((await stored).map((each) => each.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(groups.slice(2).map(({ ids }) => ids)).toEqual([['b'], ['bad'], ['c']]);
  });
});

describe('guarantee 2: with an outage store', () => {
  function createLine(fits = Number.POSITIVE_INFINITY) {
    const kept: string[] = [];
    const line = { isOn: false, kept };
    const keep = async (group: readonly NewDelivery[]) => {
      const taken = group.slice(0, Math.max(0, fits - kept.length));
      kept.push(...taken.map(({ id }) => id));
      return taken.length;
    };
    const outage: OutageLine = {
      keepInOutage: async (group) => (line.isOn ? keep(group) : undefined),
      keepFailed: async (group) => {
        line.isOn = true;
        return keep(group);
      },
    };
    return { ...line, kept, outage };
  }

  test('a group that the database cannot take is kept and answered, and so are those that wait behind it', async () => {
    const { outage, kept } = createLine();
    const { groups, store, announced } = setUp({ outage });
    const stored = [store('a'), store('b'), store('c')];
    await turn();
    groups[0]?.finish(unavailable);
    expect(await Promise.all(stored)).toEqual(['a', 'b', 'c'].map((id) => ({ id, isRepeat: false })));
    expect(kept).toEqual(['a', 'b', 'c']);
    expect(groups).toHaveLength(1);
    expect(announced).toEqual([]); // they are rung for once they are recorded
  });

  test('guarantee 4: those that do not fit are told so, and the others are answered', async () => {
    const { outage } = createLine(2);
    const { groups, store } = setUp({ outage });
    const stored = Promise.allSettled([store('a'), store('b'), store('c')]);
    await turn();
    groups[0]?.finish(unavailable);
    const results = await stored;
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(results[2]).toMatchObject({ reason: { code: 'unavailable', retryAfterMs: 2_000 } });
  });

  test('guarantee 1: an outage in the middle of trying a group one by one keeps the rest of it', async () => {
    const { outage, kept } = createLine();
    const { groups, store } = setUp({ outage });
    const first = store('0');
    await turn();
    const stored = Promise.allSettled([store('a'), store('bad'), store('c')]);
    groups[0]?.finish();
    await first;
    await turn();
    groups[1]?.finish(new Error('refused'));
    for (const error of [undefined, new Error('refused'), unavailable]) {
      await turn();
      groups.at(-1)?.finish(error);
    }
    expect((await stored).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(kept).toEqual(['c']);
  });
});
