// A lock on a file is its owner's: who may read the file could hold the lock, and keep the service from starting.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { tryLock } from '../../src/file-lock.ts';
import { useUndo } from '../support/undo.ts';

const undo = useUndo();

test.skipIf(process.platform === 'win32')('no other user can read it, and so none can lock it', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'lock-'));
  undo.push(() => rm(folder, { recursive: true }));
  const file = path.join(folder, 'a.lock');
  const lock = tryLock(file);
  undo.push(() => lock?.release());
  expect(tryLock(file)).toBe(undefined);
  expect(((await stat(file)).mode & 0o077).toString(8)).toBe('0');
});
