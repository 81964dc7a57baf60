// The files of a slot: segments that are only ever appended to, each made durable before anybody is told. A segment that an
// earlier process wrote is read and never written again. A write that fails leaves its segment behind for good, since after
// a failed fsync nobody knows what is on the disk.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type FileHandle, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { segmentIdBytes } from './record.ts';

// The first eight bytes name the kind of file and its version.
const fileMark = Buffer.from('ilvout\0\x01', 'latin1');
export const segmentHeadBytes = fileMark.length;
const fileMode = 0o600;
const probeName = '.probe';
// Some sixty deliveries: were it a few bytes, a disk that is all but full would be found whole and full in turn. Random, since a
// file system may keep zeros without taking room for them.
const probeBytes = 64 * 1024;
// The id stands in the name and not in the file: were it damaged there, nothing in the segment could be read.
const names = /^(\d{8})-([0-9a-f]{32})\.(segment|unopened)$/;

export interface SegmentFile {
  readonly path: string;
  readonly id: Buffer;
}

/** A segment that this process writes. */
export interface OpenSegment extends SegmentFile {
  readonly handle: FileHandle;
}

/** The segments of a folder, oldest first. Those that could not be opened before are taken up again. */
export async function listSegments(folder: string): Promise<SegmentFile[]> {
  const found: SegmentFile[] = [];
  for (const name of (await readdir(folder)).sort()) {
    const [, digits, id = '', kind] = names.exec(name) ?? [];
    if (digits === undefined) continue;
    const file = path.join(folder, `${digits}-${id}.segment`);
    if (kind === 'unopened') await rename(path.join(folder, name), file);
    found.push({ path: file, id: Buffer.from(id, 'hex') });
  }
  return found;
}

/** Makes a segment whose first records are `frames`; durable when this returns. */
export async function createSegment(
  folder: string,
  sequence: number,
  id: Buffer,
  frames: Buffer,
): Promise<OpenSegment> {
  const file = path.join(folder, `${String(sequence).padStart(8, '0')}-${id.toString('hex')}.segment`);
  const handle = await open(file, 'wx', fileMode);
  try {
    await writeAt(handle, Buffer.concat([fileMark, frames]), 0);
    await handle.sync();
    await syncFolder(folder);
    return { path: file, id, handle };
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(file, { force: true }).catch(() => {});
    throw error;
  }
}

/** Appends at `offset`; durable when this returns. What a failure has left there is cut away, if the disk lets us. */
export async function appendTo({ handle }: OpenSegment, frames: Buffer, offset: number): Promise<void> {
  try {
    await writeAt(handle, frames, offset);
    await handle.sync();
  } catch (error) {
    await handle.truncate(offset).catch(() => {});
    throw error;
  }
}

export function newSegmentId(): Buffer {
  return randomBytes(segmentIdBytes);
}

/** What lies behind the head of a whole segment, and whether the head is one of this version. */
export async function readSegment({ path: file }: SegmentFile): Promise<{ body: Buffer; isOurs: boolean }> {
  const bytes = await readFile(file);
  const isOurs = bytes.subarray(0, segmentHeadBytes).equals(fileMark);
  return { body: bytes.subarray(segmentHeadBytes), isOurs };
}

export async function removeSegment({ path: file }: SegmentFile): Promise<void> {
  await rm(file, { force: true });
  await syncFolder(path.dirname(file));
}

/** Lays a segment by whose records cannot be opened with the keys of now, until a start that has them. */
export async function layBy({ path: file }: SegmentFile): Promise<void> {
  await rename(file, file.replace(/\.segment$/, '.unopened'));
  await syncFolder(path.dirname(file));
}

/** Keeps bytes that cannot be recorded for somebody to look at. The same ones again make no second file. */
export async function setAside(
  { path: file }: SegmentFile,
  offset: number,
  bytes: Buffer,
): Promise<{ isNew: boolean }> {
  const kept = file.replace(/\.segment$/, `-${offset}.damaged`);
  const isNew = !existsSync(kept);
  await writeFile(kept, bytes, { mode: fileMode, flush: true });
  await syncFolder(path.dirname(file));
  return { isNew };
}

/** What lies in the folder beside its segments, and how much there is in all. */
export async function measure(
  folder: string,
): Promise<{ bytes: number; damagedCount: number; lastSequence: number }> {
  let [bytes, damagedCount, lastSequence] = [0, 0, 0];
  for (const name of await readdir(folder)) {
    if (name === probeName) continue; // of a process that was killed in the middle of it; the next one takes it away
    bytes += (await stat(path.join(folder, name))).size;
    if (name.endsWith('.damaged')) damagedCount += 1;
    lastSequence = Math.max(lastSequence, Number.parseInt(name, 10) || 0);
  }
  return { bytes, damagedCount, lastSequence };
}

/** Makes a file durable and takes it away again. Throws when the disk fails, or has no room for some deliveries. */
export async function tryToWrite(folder: string): Promise<void> {
  const file = path.join(folder, probeName);
  try {
    await writeFile(file, randomBytes(probeBytes), { mode: fileMode, flush: true });
  } finally {
    await rm(file, { force: true });
  }
  await syncFolder(folder);
}

async function writeAt(handle: FileHandle, bytes: Buffer, offset: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const result = await handle.write(bytes, written, bytes.length - written, offset + written);
    written += result.bytesWritten;
  }
}

// A new or removed name is as durable as its folder. Windows opens no folders, and journals names by itself.
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
