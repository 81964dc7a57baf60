// Which process owns which part of the folder. Each takes a numbered slot: a lock file that is never removed, and a folder
// beside it.
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { tryLock } from '../file-lock.ts';

export interface Slot {
  readonly number: number;
  readonly folder: string;
  /** Lets go of it; what lies in it is for whoever takes it next. */
  release(): void;
}

/** Processes that can share a folder. */
export const maxSlots = 64;
const folderMode = 0o700;

/** Takes the first free slot in `root`. Throws when none is free, or when the file system does not let us. */
export async function claimSlot(root: string): Promise<Slot> {
  await mkdir(root, { recursive: true, mode: folderMode });
  for (let number = 1; number <= maxSlots; number += 1) {
    const slot = await tryClaim(root, number);
    if (slot !== undefined) return slot;
  }
  throw new Error(`all ${maxSlots} slots of ${root} are in use`);
}

/**
 * Takes the slots that nobody owns and in which a file lies that is worth it, one after the other; each is released after
 * `work`.
 */
export async function visitAbandoned(
  root: string,
  isWorthwhile: (file: string) => boolean,
  work: (slot: Slot) => Promise<void>,
): Promise<void> {
  for (const name of await readdir(root)) {
    if (!/^\d+$/.test(name)) continue;
    const folder = path.join(root, name);
    if (!(await readdir(folder)).some((file) => isWorthwhile(path.join(folder, file)))) continue;
    const slot = await tryClaim(root, Number(name));
    if (slot === undefined) continue;
    try {
      await work(slot);
    } finally {
      slot.release();
    }
  }
}

async function tryClaim(root: string, number: number): Promise<Slot | undefined> {
  const lock = tryLock(path.join(root, `${number}.lock`));
  if (lock === undefined) return undefined;
  const folder = path.join(root, String(number));
  await mkdir(folder, { recursive: true, mode: folderMode });
  return { number, folder, release: () => lock.release() };
}
