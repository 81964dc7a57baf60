// The outage store on real files, and who owns which: what was kept is there again, in order, and no more of it than may be.
import { type FileHandle, mkdtemp, open as openFile, readdir, rename } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { claimSlot, visitAbandoned } from '../../src/outage/slot.ts';
import { segmentBytes } from '../../src/outage/store.ts';
import { bytes, cipherOf, drain, useOutageFolder } from '../support/outage-folder.ts';

const { folder, open, openIn, filesOf } = useOutageFolder();

test('guarantee 10: a full store takes what fits, from the first on, and more once something was recorded', async () => {
  const maxBytes = 4_000;
  const store = await open({ maxBytes });
  const payload = Buffer.alloc(1_000, 'x');
  expect(await store.append([payload, payload, payload, payload, payload])).toBe(3);
  expect(await store.append([payload])).toBe(0);
  expect(store.figures().heldBytes).toBeLessThanOrEqual(maxBytes);
  expect((await drain(store)).length).toBe(3);
  expect(await store.append([payload])).toBe(1);
  await store.close();
});

describe('guarantee 1: nobody is told that something is kept', () => {
  // Of the very class that the store's file handles have.
  async function handleClass(): Promise<FileHandle> {
    const handle = await openFile(import.meta.filename);
    await handle.close();
    return Object.getPrototypeOf(handle);
  }
  afterEach(() => void vi.restoreAllMocks());

  test('before its fsync is through, in a new segment and in one that is there', async () => {
    const store = await open();
    const sync = vi.spyOn(await handleClass(), 'sync');
    for (const [text, syncs] of [
      ['first', 2], // of the file, and of the folder in which its name is new
      ['second', 1],
    ] as const) {
      const through = Promise.withResolvers<void>();
      let isTold = false;
      sync.mockImplementation(() => through.promise);
      const told = store.append(bytes(text)).then(() => {
        isTold = true;
      });
      await vi.waitFor(() => expect(sync).toHaveBeenCalled());
      await new Promise((resolve) => setImmediate(resolve));
      expect(isTold).toBe(false);
      through.resolve();
      await told;
      expect(sync).toHaveBeenCalledTimes(syncs);
      sync.mockClear();
    }
  });

  test('when it failed; and what comes next goes into another file, since nobody knows what is in that one', async () => {
    const store = await open();
    await store.append(bytes('kept'));
    const sync = vi.spyOn(await handleClass(), 'sync').mockRejectedValueOnce(new Error('EIO'));
    await expect(store.append(bytes('lost'))).rejects.toThrow('EIO');
    sync.mockRestore();
    await store.append(bytes('next'));
    expect((await filesOf('.segment')).length).toBe(2);
    expect(await drain(store)).toEqual(['kept', 'next']);
  });
});

test('several segments are drained oldest first, and each is gone once all of it is recorded', async () => {
  const store = await open();
  const payload = (index: number) => Buffer.alloc(segmentBytes / 4, `${index},`);
  for (let index = 0; index < 12; index += 1) await store.append([payload(index)]);
  expect((await filesOf('.segment')).length).toBe(3);
  const order: string[] = [];
  for (let batch = await store.take(3); batch !== undefined; batch = await store.take(3)) {
    order.push(...batch.payloads.map((each) => String(each.subarray(0, String(each).indexOf(',')))));
    batch.done();
  }
  expect(order).toEqual(Array.from({ length: 12 }, (_, index) => String(index)));
  await store.endSegment();
  expect(await store.take(1)).toBeUndefined();
  expect(await readdir(folder())).toEqual([]);
});

test('what was taken and never recorded comes again', async () => {
  const store = await open();
  await store.append(bytes('1', '2', '3'));
  expect((await store.take(2))?.payloads.length).toBe(2);
  await store.close();
  expect(await drain(await open())).toEqual(['1', '2', '3']);
});

test('a disk that fails costs the group at hand, and not what comes when it works again', async () => {
  const store = await open();
  await store.append(bytes('kept'));
  await store.endSegment();
  const aside = `${folder()}.aside`;
  await rename(folder(), aside);
  await expect(store.append(bytes('lost'))).rejects.toThrow('ENOENT');
  await rename(aside, folder());
  expect(await store.append(bytes('next'))).toBe(1);
  expect(await drain(store)).toEqual(['kept', 'next']);
});

test('guarantee 2: any payloads, in any groups, with any restarts, come in order, none is missing, and only a restart repeats', async () => {
  const group = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 });
  const steps = fc.array(fc.oneof(group, fc.constant('restart' as const), fc.nat(4)), { maxLength: 14 });
  await fc.assert(
    fc.asyncProperty(steps, fc.boolean(), async (run, isSealed) => {
      const where = await mkdtemp(path.join(folder(), 'run-'));
      const cipher = isSealed ? cipherOf('a') : undefined;
      let store = await openIn(where, { cipher });
      const appended: string[] = [];
      let next: number | undefined = 0;
      let done = 0;
      const takeSome = async (maxCount: number) => {
        const batch = await store.take(maxCount);
        if (batch === undefined) return false;
        const taken = batch.payloads.map((each) => each.toString('hex'));
        const first = appended.indexOf(taken[0] ?? 'none');
        expect(appended.slice(first, first + taken.length)).toEqual(taken);
        if (next === undefined) expect(first).toBeLessThanOrEqual(done);
        else expect(first).toBe(next);
        next = first + taken.length;
        done = Math.max(done, next);
        batch.done();
        return true;
      };
      for (const step of [...run, 'restart' as const]) {
        if (step === 'restart') {
          await store.close();
          store = await openIn(where, { cipher });
          next = undefined;
        } else if (typeof step === 'number') await takeSome(step + 1);
        else {
          // Each is told apart by the number in front.
          const payloads = step.map((each, index) =>
            Buffer.concat([Buffer.from([appended.length + index]), each]),
          );
          expect(await store.append(payloads)).toBe(payloads.length);
          appended.push(...payloads.map((each) => each.toString('hex')));
        }
      }
      while (await takeSome(3));
      expect(done).toBe(appended.length);
      expect(await readdir(where)).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

describe('slots', () => {
  test('two never own the same one, and what a dead one left is found by the next', async () => {
    const one = await claimSlot(folder());
    const two = await claimSlot(folder());
    expect([one.number, two.number]).toEqual([1, 2]);
    await (await openIn(two.folder)).append(bytes('left'));
    const visited: number[] = [];
    const visit = () =>
      visitAbandoned(
        folder(),
        (name) => name.endsWith('.segment'),
        async ({ number, folder: where }) => {
          visited.push(number);
          expect(await drain(await openIn(where))).toEqual(['left']);
        },
      );
    await visit();
    expect(visited).toEqual([]);
    two.release();
    await visit();
    await visit();
    expect(visited).toEqual([2]);
    expect((await claimSlot(folder())).number).toBe(2);
  });
});
