// Outage stores on real files for a test: a folder of its own, stores that are closed at its end, and a drain as the service
// does it.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { type Cipher, createCipher } from '../../src/cipher.ts';
import { type OutageStore, openStore } from '../../src/outage/store.ts';
import { Secret } from '../../src/secret.ts';

export interface StoreSettings {
  readonly maxBytes?: number;
  readonly cipher?: Cipher | undefined;
}

export const cipherOf = (id: string) =>
  createCipher([{ id, key: new Secret(Buffer.alloc(32, id).toString('base64')) }]);

export const bytes = (...texts: string[]) => texts.map((text) => Buffer.from(text));

/** Takes all that it holds, as a drain does. */
export async function drain(store: OutageStore, maxCount = 100): Promise<string[]> {
  await store.endSegment();
  const all: string[] = [];
  for (let batch = await store.take(maxCount); batch !== undefined; batch = await store.take(maxCount)) {
    all.push(...batch.payloads.map(String));
    batch.done();
  }
  return all;
}

/** To be called once, at the top of a test file. */
export function useOutageFolder() {
  let folder = '';
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
  const openIn = async (where: string, { maxBytes = 2 ** 30, cipher }: StoreSettings = {}) => {
    const onFound = (what: string) => void found.push(what);
    const store = await openStore({ folder: where, maxBytes, cipher, onFound });
    opened.push(store);
    return store;
  };
  const filesOf = async (kind: string) =>
    (await readdir(folder)).filter((name) => name.endsWith(kind)).sort();
  return {
    folder: () => folder,
    /** What the stores said that they found. */
    found,
    openIn,
    open: (settings: StoreSettings = {}) => openIn(folder, settings),
    filesOf,
    onlySegment: async () => {
      const [name, ...others] = await filesOf('.segment');
      expect(others).toEqual([]);
      return path.join(folder, name ?? 'none');
    },
  };
}
