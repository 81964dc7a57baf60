// The outage store and bytes that are not what was written: torn, changed, moved, sealed with another key, of another
// version. Whatever it is costs no more than itself, and nothing of what was promised goes without a trace.
import { mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { bytes, cipherOf, drain, useOutageFolder } from '../support/outage-folder.ts';

const { folder, found, open, filesOf, onlySegment } = useOutageFolder();

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
    expect(await readdir(folder())).toEqual([]);
  });

  test('guarantee 1: a write that was torn at any byte costs itself alone', async () => {
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
    expect(await readdir(folder())).toEqual([]);
  });

  test('guarantee 1: a byte that changed, wherever it is, is found; it costs one record, which is kept beside', async () => {
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
      for (const name of await readdir(folder())) await rm(path.join(folder(), name));
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
  expect(String(await readFile(path.join(folder(), kept ?? '')))).toContain('!o be damaged');
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

test('guarantee 1: without the key nothing is lost: it waits for a start that has it, and what comes behind is not held up', async () => {
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
  expect(await readdir(folder())).toEqual([]);
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

describe('a segment that cannot be read', () => {
  // A folder under its name stands for a disk that does not give it back.
  const spoil = async (file: string) => {
    await rm(file);
    await mkdir(file);
  };

  test('guarantee 2: is laid by after some tries, and what came behind it is taken', async () => {
    const store = await open();
    await store.append(bytes('one', 'two'));
    await store.endSegment();
    await spoil(await onlySegment());
    await store.append(bytes('three'));
    await store.endSegment();
    let failures = 0;
    const takeNext = async (): Promise<string[]> => {
      try {
        return (await store.take(10))?.payloads.map(String) ?? [];
      } catch {
        failures += 1;
        expect(failures).toBeLessThan(10);
        return takeNext();
      }
    };
    expect(await takeNext()).toEqual(['three']);
    expect(failures).toBeGreaterThan(1);
    expect(found).toEqual(['unread']);
    expect(store.figures()).toMatchObject({ unopenedCount: 2, damagedCount: 0 });
  });

  test('guarantee 2: keeps no store from being opened, and is tried again at each start', async () => {
    const store = await open();
    await store.append(bytes('one'));
    const file = await onlySegment();
    const whole = await readFile(file);
    await store.close();
    await spoil(file);
    const again = await open();
    expect(found).toEqual(['unread']);
    await again.append(bytes('two'));
    expect(await drain(again)).toEqual(['two']);
    const [name = ''] = await filesOf('.unopened');
    await rm(path.join(folder(), name), { recursive: true });
    await writeFile(path.join(folder(), name), whole);
    expect(await drain(await open())).toEqual(['one']);
  });

  test('guarantee 2: and is not there any more holds nothing up, also while it is written', async () => {
    const store = await open();
    await store.append(bytes('one'));
    await rm(await onlySegment());
    expect(await store.take(10)).toBeUndefined();
    expect(found).toEqual(['gone']);
    await store.append(bytes('two'));
    expect(await drain(store)).toEqual(['two']);
    expect(store.figures()).toMatchObject({ heldCount: 0, heldBytes: 0 });
  });
});

describe('a disk that takes nothing any more', () => {
  test('guarantee 2: a segment that is recorded and cannot be taken away holds nothing up, and its bytes count', async () => {
    const store = await open();
    await store.append(bytes('one'));
    const file = await onlySegment();
    const whole = await readFile(file);
    const first = await store.take(10);
    await store.endSegment();
    await store.append(bytes('two'));
    first?.done();
    await rm(file);
    await mkdir(file); // a folder under its name is not removed as a file is
    expect(await drain(store)).toEqual(['two']);
    expect(found).toEqual(['left']);
    expect(store.figures()).toMatchObject({ heldCount: 0, heldBytes: whole.length });
    await rmdir(file);
    await writeFile(file, whole);
    expect(await drain(await open())).toEqual(['one']);
  });

  test('guarantee 2: nor does one whose refused record cannot be set aside; the next start has it', async () => {
    const store = await open();
    await store.append(bytes('refused', 'two'));
    const aside = (await onlySegment()).replace(/\.segment$/, '-8.damaged');
    await mkdir(aside);
    await store.endSegment();
    const batch = await store.take(1);
    expect(await batch?.setAside(0)).toBe(false);
    batch?.done();
    expect(await drain(store)).toEqual(['two']);
    expect(found).toEqual(['unopened']);
    expect(store.figures()).toMatchObject({ heldCount: 0, unopenedCount: 1, damagedCount: 0 });
    await rmdir(aside);
    expect(await drain(await open())).toEqual(['refused', 'two']);
  });

  test('guarantee 2: nor does one that cannot be laid by', async () => {
    const store = await open({ cipher: cipherOf('a') });
    await store.append(bytes('sealed'));
    await store.close();
    const other = await open({ cipher: cipherOf('b') });
    await mkdir((await onlySegment()).replace(/\.segment$/, '.unopened'));
    await other.append(bytes('two'));
    expect(await drain(other)).toEqual(['two']);
    expect(found).toEqual(['left', 'unopened']);
  });
});
