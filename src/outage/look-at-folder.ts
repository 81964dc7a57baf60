// What is known of the file system under the outage store: whether it can be written, and whether it is of a kind that goes
// with its container or with the machine's next start. It looks only, and leaves nothing behind.
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';

export interface FolderSight {
  readonly path: string;
  /** Why it cannot be written; null when it can. */
  readonly writeTrouble: string | null;
  /** Named where it is of a kind that does not last; null for any other. */
  readonly fleeting: string | null;
  readonly freeBytes: number | null;
}

// Numbers of `statfs` on Linux, from linux/magic.h.
const fleetingKinds: Readonly<Record<number, string>> = {
  2035054128: 'overlay',
  16914836: 'tmpfs',
  2240043254: 'ramfs',
};

export async function lookAtFolder(folder: string): Promise<FolderSight> {
  const probe = path.join(folder, `.probe-${process.pid}`);
  const writeTrouble = await mkdir(folder, { recursive: true })
    .then(() => writeFile(probe, 'x', { flush: true }))
    .then(() => rm(probe))
    .then(() => null)
    .catch((error: Error) => error.message);
  const facts = await statfs(folder).catch(() => undefined);
  return {
    path: path.resolve(folder),
    writeTrouble,
    fleeting: facts === undefined ? null : (fleetingKinds[facts.type] ?? null),
    freeBytes: facts === undefined ? null : facts.bavail * facts.bsize,
  };
}
