// What a slot holds, as a line: appended to at one end, taken from at the other, in the order of receipt. What was appended
// is on the disk when `append` returns (guarantee 1), and stays until whoever took it says that it is recorded; a crash in
// between repeats it, which changes nothing. Bounded in bytes. It knows bytes, and neither what they mean nor where they go.
import type { Cipher } from '../cipher.ts';
import { frame, openFrame, scan } from './record.ts';
import {
  appendTo,
  createSegment,
  layBy,
  listSegments,
  measure,
  newSegmentId,
  type OpenSegment,
  readSegment,
  removeSegment,
  type SegmentFile,
  segmentHeadBytes,
  setAside,
  tryToWrite,
} from './segment.ts';

export type Found = 'damaged' | 'unopened' | 'torn' | 'unread' | 'gone' | 'left';

export interface StoreOptions {
  readonly folder: string;
  /** All files of the folder together. */
  readonly maxBytes: number;
  /** Seals what is appended, and opens it; undefined for none. */
  readonly cipher: Cipher | undefined;
  /** Told what had to be set aside or laid by, and what is not there any more. */
  readonly onFound: (what: Found, facts: { file: string; count: number }) => void;
}

export interface Batch {
  readonly payloads: readonly Buffer[];
  /** To be called once they are recorded: they need not be kept any longer. */
  done(): void;
  /**
   * Keeps one that cannot be recorded for somebody to look at; false where the disk does not take it, and it waits for the
   * next start. `done` must still be called.
   */
  setAside(index: number): Promise<boolean>;
}

export interface StoreFigures {
  readonly heldCount: number;
  readonly heldBytes: number;
  readonly damagedCount: number;
  /** Records that no key of ours opens, or that could not be read. */
  readonly unopenedCount: number;
}

export interface OutageStore {
  /** Makes as many as fit durable, from the first on, and says how many. One after the other. Throws when the disk fails. */
  append(payloads: readonly Buffer[]): Promise<number>;
  /** The next in the line, at most so many; undefined when all that were appended so far have been taken. */
  take(maxCount: number): Promise<Batch | undefined>;
  /** Ends the segment that is being written, so that it can be taken whole. Waits for an append that is under way. */
  endSegment(): Promise<void>;
  figures(): StoreFigures;
  /** Writes something as an append would, and takes it away again. Throws when the disk fails. */
  probe(): Promise<void>;
  close(): Promise<void>;
}

/** A segment is closed past this size, and removed as a whole once all of it is recorded. */
export const segmentBytes = 8 * 1024 * 1024;

interface Segment extends SegmentFile {
  /** Set while this process may append to it. */
  open: OpenSegment | undefined;
  /** Where its durable bytes end; for one of an earlier process the end of the file. */
  end: number;
  readTo: number;
  /** Records in it that are not recorded yet. */
  heldCount: number;
  /** Read, and not recorded yet. */
  readonly waiting: { readonly payload: Buffer; readonly offset: number }[];
  unopenedCount: number;
  failedReads: number;
}

interface State extends StoreOptions {
  /** Oldest first; only the last may be open. */
  readonly segments: Segment[];
  heldBytes: number;
  damagedCount: number;
  unopenedCount: number;
  lastSequence: number;
  appending: Promise<unknown>;
}

/** Opens what lies in the folder; only for the owner of its slot. */
export async function openStore(options: StoreOptions): Promise<OutageStore> {
  const { bytes: heldBytes, damagedCount, lastSequence } = await measure(options.folder);
  const segments = (await listSegments(options.folder)).map((file) => segmentOf(file));
  const first = { segments, heldBytes, damagedCount, lastSequence };
  const state: State = { ...options, ...first, unopenedCount: 0, appending: Promise.resolve() };
  for (const segment of [...segments]) {
    try {
      const { body } = await readSegment(segment);
      segment.end = segmentHeadBytes + body.length;
      segment.heldCount = scan(body, { segmentId: segment.id, offset: segmentHeadBytes }).frames.length;
    } catch (error) {
      await passOver(state, segment, error);
    }
  }
  const endSegment = async () => {
    await state.appending;
    await endWriting(state);
  };
  return {
    append: (payloads) => {
      const appended = state.appending.then(() => append(state, payloads));
      state.appending = appended.catch(() => {});
      return appended;
    },
    take: (maxCount) => take(state, maxCount),
    endSegment,
    figures: () => ({
      heldCount: segments.reduce((sum, segment) => sum + segment.heldCount, 0),
      heldBytes: state.heldBytes,
      damagedCount: state.damagedCount,
      unopenedCount: state.unopenedCount,
    }),
    probe: () => tryToWrite(options.folder),
    close: endSegment,
  };
}

function segmentOf(file: SegmentFile): Segment {
  const empty = { open: undefined, end: segmentHeadBytes, readTo: segmentHeadBytes, heldCount: 0 };
  return { ...file, ...empty, waiting: [], unopenedCount: 0, failedReads: 0 };
}

async function append(state: State, payloads: readonly Buffer[]): Promise<number> {
  const last = state.segments.at(-1);
  const open = last?.open;
  const segmentId = open?.id ?? newSegmentId();
  const start = open === undefined ? segmentHeadBytes : (last?.end ?? segmentHeadBytes);
  const room = state.maxBytes - state.heldBytes - (open === undefined ? segmentHeadBytes : 0);
  const frames: Buffer[] = [];
  let end = start;
  for (const payload of payloads) {
    const next = frame(payload, { segmentId, offset: end }, state.cipher);
    if (end - start + next.length > room) break;
    frames.push(next);
    end += next.length;
  }
  if (frames.length === 0) return 0;
  const segment = await write(state, segmentId, Buffer.concat(frames), start);
  segment.end = end;
  segment.heldCount += frames.length;
  state.heldBytes += end - start;
  if (end >= segmentBytes) await endWriting(state);
  return frames.length;
}

async function write(state: State, segmentId: Buffer, frames: Buffer, start: number): Promise<Segment> {
  const last = state.segments.at(-1);
  if (last?.open === undefined) {
    state.lastSequence += 1;
    const open = await createSegment(state.folder, state.lastSequence, segmentId, frames);
    const made = { ...segmentOf(open), open };
    state.segments.push(made);
    state.heldBytes += segmentHeadBytes;
    return made;
  }
  try {
    await appendTo(last.open, frames, start);
    return last;
  } catch (error) {
    await endWriting(state);
    throw error;
  }
}

async function endWriting({ segments }: State): Promise<void> {
  const last = segments.at(-1);
  const handle = last?.open?.handle;
  if (last === undefined || handle === undefined) return;
  last.open = undefined;
  await handle.close().catch(() => {}); // what was promised of it is on the disk
}

async function take(state: State, maxCount: number): Promise<Batch | undefined> {
  const { segments } = state;
  for (let segment = segments[0]; segment !== undefined; segment = segments[0]) {
    if (segment.waiting.length === 0 && segment.readTo < segment.end) await tryToRead(state, segment);
    if (segment !== segments[0]) continue; // it was passed over
    if (segment.waiting.length > 0) return batchOf(state, segment, maxCount);
    if (segment.readTo < segment.end) continue; // more was appended meanwhile
    if (segment.open !== undefined) return undefined;
    await retire(state, segment);
  }
  return undefined;
}

const readTries = 5;

// Throws for the first few times: a disk may come to itself again. Then it is no longer in the way of what lies behind it.
async function tryToRead(state: State, segment: Segment): Promise<void> {
  try {
    await read(state, segment);
  } catch (error) {
    segment.failedReads += 1;
    if (!isGone(error) && segment.failedReads < readTries) throw error;
    // Between two appends, or one would go on in a segment that is not in the line any more.
    const passed = state.appending.then(() => passOver(state, segment, error));
    state.appending = passed;
    await passed;
  }
}

// What cannot be read lies there for the next start, as what no key opens does.
async function passOver(state: State, segment: Segment, error: unknown): Promise<void> {
  const { segments } = state;
  if (segment.open !== undefined) await endWriting(state);
  segments.splice(segments.indexOf(segment), 1);
  const facts = { file: segment.path, count: segment.heldCount };
  if (isGone(error)) {
    state.heldBytes = Math.max(0, state.heldBytes - segment.end);
    state.onFound('gone', facts);
    return;
  }
  await layBy(segment).catch(() => {}); // on such a disk that may fail too; it is out of the way all the same
  state.unopenedCount += Math.max(1, segment.heldCount);
  state.onFound('unread', facts);
}

function isGone(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

// Reads what of a segment has not been read yet; what is no record is set aside on the way.
async function read(state: State, segment: Segment): Promise<void> {
  const { readTo: from, end } = segment;
  const { body, isOurs } = await readSegment(segment);
  const bytes = body.subarray(from - segmentHeadBytes, end - segmentHeadBytes);
  const { frames, damaged, tornBytes } = scan(bytes, { segmentId: segment.id, offset: from });
  if (frames.length === 0 && !isOurs) {
    segment.unopenedCount = 1; // of a newer version, perhaps; a start of that one reads it
    segment.readTo = end;
    return;
  }
  for (const span of damaged) await putAside(state, segment, span.offset, span.bytes);
  if (damaged.length > 0) state.onFound('damaged', { file: segment.path, count: damaged.length });
  if (tornBytes > 0) state.onFound('torn', { file: segment.path, count: tornBytes });
  const opened = frames.map((found) => openFrame(found, segment.id, state.cipher));
  for (const [index, payload] of opened.entries()) {
    if (payload === undefined) segment.unopenedCount += 1;
    else segment.waiting.push({ payload, offset: frames[index]?.offset ?? 0 });
  }
  segment.readTo = end;
}

async function putAside(state: State, segment: Segment, offset: number, bytes: Buffer): Promise<void> {
  const { isNew } = await setAside(segment, offset, bytes);
  if (!isNew) return;
  state.heldBytes += bytes.length;
  state.damagedCount += 1;
}

// Everything of it is recorded, or set aside. What no key opens stays where it is, for a start that has the key. Out of the line
// first: a disk that fails here must not hold up what lies behind it, and what it keeps is recorded again by the next start.
async function retire(state: State, segment: Segment): Promise<void> {
  state.segments.shift();
  const { path: file, unopenedCount } = segment;
  const leaving = unopenedCount > 0 ? layBy(segment) : removeSegment(segment);
  const hasLeft = await leaving.then(() => true, isGone);
  if (!hasLeft) state.onFound('left', { file, count: unopenedCount });
  if (unopenedCount > 0) {
    state.onFound('unopened', { file, count: unopenedCount });
    state.unopenedCount += unopenedCount;
  } else if (hasLeft) state.heldBytes -= segment.end;
}

function batchOf(state: State, segment: Segment, maxCount: number): Batch {
  const taken = segment.waiting.slice(0, maxCount);
  return {
    payloads: taken.map(({ payload }) => payload),
    // As it stands in the segment, sealed where that is.
    setAside: async (index) => {
      const refused = taken[index];
      if (refused === undefined) return false;
      const { offset, payload } = refused;
      const bytes = frame(payload, { segmentId: segment.id, offset }, state.cipher);
      // On a disk that takes nothing it stays in its segment, which is laid by.
      return putAside(state, segment, offset, bytes).then(
        () => true,
        () => {
          segment.unopenedCount += 1;
          return false;
        },
      );
    },
    done: () => {
      segment.waiting.splice(0, taken.length);
      segment.heldCount -= taken.length;
    },
  };
}
