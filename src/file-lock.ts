// A lock between processes, on a file. It is the kernel's and goes with the process, however that ends: a dead process's
// lock is free at once, a frozen one's is not, and no process id that was given away again can deceive anybody, in another
// container neither. Node has no file locks of its own but those of SQLite, so the lock is an exclusive transaction on an
// empty database.
import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

export interface FileLock {
  /** Lets go of it; the file stays, because whoever removed it could not know who has just locked it. */
  release(): void;
}

// Whoever may read it can hold a lock on it, and SQLite would make it readable for all.
const fileMode = 0o600;
const sqliteBusy = 5; // SQLITE_BUSY: another connection, here or in another process, holds the lock

/** Locks `file`, which is made if it is missing; undefined when somebody has it. Throws where the file system does not let us. */
export function tryLock(file: string): FileLock | undefined {
  closeSync(openSync(file, 'a', fileMode));
  const lock = new DatabaseSync(file, { timeout: 0 });
  try {
    lock.exec('pragma journal_mode = memory; begin exclusive');
  } catch (error) {
    lock.close();
    if ((error as { errcode?: number }).errcode === sqliteBusy) return undefined;
    throw error;
  }
  return { release: () => lock.close() };
}
