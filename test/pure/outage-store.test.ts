// The outage store on real files: what was kept is there again, in order, whatever was torn, damaged, sealed or full.
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Cipher, createCipher } from '../../src/cipher.ts';
import { claimSlot, visitAbandoned } from '../../src/outage/slot.ts';
import { type OutageStore, openStore, segmentBytes } from '../../src/outage/store.ts';
import { Secret } from '../../src/secret.ts';

let folder: string;
const found: string[] = [];
const opened: OutageStore[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'ilive-outage-'));
  found.length = 0;
});
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
  await rm(folder, { recursive: true, force: true });
});

const cipherOf = (id: string) =>
  createCipher([{ id, key: new Secret(Buffer.alloc(32, id).toString('base64')) }]);

async function openIn(where: string, options: { maxBytes?: number; cipher?: Cipher | undefined } = {}) {
  const store = await openStore({
    folder: where,
    maxBytes: options.maxBytes ?? 2 ** 30,
    cipher: options.cipher,
    onFound: (what) => found.push(what),
  });
  opened.push(store);
  return store;
}
const open = (options: { maxBytes?: number; cipher?: Cipher | undefined } = {}) => openIn(folder, options);

const bytes = (...texts: string[]) => texts.map((text) => Buffer.from(text));

/** Takes all that it holds, as a drain does. */
async function drain(store: OutageStore, maxCount = 100): Promise<string[]> {
  await store.endSegment();
  const all: string[] = [];
  for (let batch = await store.take(maxCount); batch !== undefined; batch = await store.take(maxCount)) {
    all.push(...batch.payloads.map(String));
    batch.done();
  }
  return all;
}

const filesOf = async (kind: string) => (await readdir(folder)).filter((name) => name.endsWith(kind)).sort();
async function onlySegment(): Promise<string> {
  const [name, ...others] = await filesOf('.segment');
  expect(others).toEqual([]);
  return path.join(folder, name ?? 'none');
}

describe.each([
  ['in clear', undefined],
  ['sealed', cipherOf('a')],
])('%s', (_, cipher) => {
  test('what was appended comes back in order, also after the process has ended, and nothing is left of it', async () => {
    const store = await open({ cipher });
    expect(await store.append(bytes('1', '2'))).toBe(2);
    expect(await store.append(bytes('', '4'))).toBe(2);
    await store.close();
    const again = await open({ cipher });
    await again.append(bytes('5'));
    expect(again.figures().heldCount).toBe(5);
    expect(await drain(again, 2)).toEqual(['1', '2', '', '4', '5']);
    expect(again.figures()).toEqual({ heldCount: 0, heldBytes: 0, damagedCount: 0, unopenedCount: 0 });
    expect(await readdir(folder)).toEqual([]);
  });

  test('1 — a write that was torn at any byte costs itself alone', async () => {
    const store = await open({ cipher });
    await store.append(bytes('first', 'second'));
    const file = await onlySegment();
    const before = (await readFile(file)).length;
    await store.append(bytes('third, which is torn'));
    await store.close();
    const whole = await readFile(file);
    for (let length = before; length < whole.length; length += 1) {
      await writeFile(file, whole.subarray(0, length));
      expect(await drain(await open({ cipher }))).toEqual(['first', 'second']);
    }
    // The file was made longer, and the power failed before its bytes were there.
    await writeFile(file, Buffer.concat([whole.subarray(0, before), Buffer.alloc(whole.length - before)]));
    expect(await drain(await open({ cipher }))).toEqual(['first', 'second']);
    expect(found).not.toContain('damaged');
    expect(await readdir(folder)).toEqual([]);
  });

  test('1 — a byte that changed, wherever it is, is found; it costs one record, which is kept beside', async () => {
    const store = await open({ cipher });
    const texts = ['a', 'bb', 'the last'];
    await store.append(bytes(...texts));
    await store.close();
    const file = await onlySegment();
    const whole = await readFile(file);
    for (let at = 0; at < whole.length; at += 1) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 0x40;
      await writeFile(file, changed);
      const again = await open({ cipher });
      const drained = await drain(again);
      expect(texts.filter((text) => !drained.includes(text)).length).toBeLessThanOrEqual(at < 8 ? 0 : 1);
      expect(drained.filter((text) => !texts.includes(text))).toEqual([]);
      for (const name of await readdir(folder)) await rm(path.join(folder, name));
    }
  });
});

test('a damaged record in the middle is set aside with its bytes and counted, and the rest goes on', async () => {
  const store = await open();
  await store.append(bytes('before', 'to be damaged', 'after'));
  await store.close();
  const file = await onlySegment();
  const whole = await readFile(file);
  whole.write('!', whole.indexOf('to be'));
  await writeFile(file, whole);
  const again = await open();
  expect(await drain(again)).toEqual(['before', 'after']);
  expect(again.figures()).toMatchObject({ heldCount: 0, damagedCount: 1 });
  expect(found).toEqual(['damaged']);
  const [kept] = await filesOf('.damaged');
  expect(String(await readFile(path.join(folder, kept ?? '')))).toContain('!o be damaged');
  expect((await open()).figures()).toMatchObject({ heldCount: 0, damagedCount: 1 });
});

test('a body that looks like a record of this store is none', async () => {
  const store = await open();
  await store.append(bytes('inner'));
  const stolen = (await readFile(await onlySegment())).subarray(8);
  await store.append([Buffer.concat([Buffer.from('x'), stolen, Buffer.from('y')])]);
  await store.close();
  const file = await onlySegment();
  const whole = await readFile(file);
  whole[whole.length - 1] = 0; // what holds it is damaged, so it is searched for records
  await writeFile(file, whole);
  expect(await drain(await open())).toEqual(['inner']);
});

test('10 — a full store takes what fits, from the first on, and more once something was recorded', async () => {
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
  expect(await readdir(folder)).toEqual([]);
});

test('what was taken and never recorded comes again', async () => {
  const store = await open();
  await store.append(bytes('1', '2', '3'));
  expect((await store.take(2))?.payloads.length).toBe(2);
  await store.close();
  expect(await drain(await open())).toEqual(['1', '2', '3']);
});

test('1 — without the key nothing is lost: it waits for a start that has it, and what comes behind is not held up', async () => {
  const store = await open({ cipher: cipherOf('a') });
  await store.append(bytes('sealed'));
  await store.close();
  expect(String(await readFile(await onlySegment()))).not.toContain('sealed');
  const wrong = await open({ cipher: cipherOf('b') });
  await wrong.append(bytes('newer'));
  expect(await drain(wrong)).toEqual(['newer']);
  expect(wrong.figures()).toMatchObject({ heldCount: 0, unopenedCount: 1 });
  const without = await open();
  expect(await drain(without)).toEqual([]);
  expect(without.figures().unopenedCount).toBe(1);
  const right = await open({ cipher: cipherOf('a') });
  expect(await drain(right)).toEqual(['sealed']);
  expect(await readdir(folder)).toEqual([]);
});

test('a sealed record that was moved to another place does not open', async () => {
  const cipher = cipherOf('a');
  const store = await open({ cipher });
  await store.append(bytes('one', 'two'));
  await store.close();
  const file = await onlySegment();
  const whole = await readFile(file);
  const half = (whole.length - 8) / 2;
  await writeFile(
    file,
    Buffer.concat([whole.subarray(0, 8), whole.subarray(8 + half), whole.subarray(8, 8 + half)]),
  );
  expect(await drain(await open({ cipher }))).toEqual([]);
});

test('a segment of another version is left as it is', async () => {
  const store = await open();
  await store.append(bytes('x'));
  await store.close();
  const file = await onlySegment();
  await writeFile(file, Buffer.concat([Buffer.from('ilvout\0\x02', 'latin1'), Buffer.alloc(100, 7)]));
  const again = await open();
  expect(await drain(again)).toEqual([]);
  expect(again.figures()).toMatchObject({ damagedCount: 0, unopenedCount: 1 });
  expect((await filesOf('.unopened')).length).toBe(1);
});

test('a disk that fails costs the group at hand, and not what comes when it works again', async () => {
  const store = await open();
  await store.append(bytes('kept'));
  await store.endSegment();
  const aside = `${folder}.aside`;
  await rename(folder, aside);
  await expect(store.append(bytes('lost'))).rejects.toThrow('ENOENT');
  await rename(aside, folder);
  expect(await store.append(bytes('next'))).toBe(1);
  expect(await drain(store)).toEqual(['kept', 'next']);
});

test('any payloads, in any groups, with any restarts, come in order, none is missing, and only a restart repeats', async () => {
  const group = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 });
  const steps = fc.array(fc.oneof(group, fc.constant('restart' as const), fc.nat(4)), { maxLength: 14 });
  await fc.assert(
    fc.asyncProperty(steps, fc.boolean(), async (run, isSealed) => {
      const where = await mkdtemp(path.join(folder, 'run-'));
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
    const one = await claimSlot(folder);
    const two = await claimSlot(folder);
    expect([one.number, two.number]).toEqual([1, 2]);
    await (await openIn(two.folder)).append(bytes('left'));
    const visited: number[] = [];
    const visit = () =>
      visitAbandoned(
        folder,
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
    expect((await claimSlot(folder)).number).toBe(2);
  });
});
