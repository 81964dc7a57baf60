// One record of a segment: how bytes become a frame that can prove itself, and how frames are found again in a file of
// which parts may be missing or wrong. Pure: it is handed bytes and touches no file. A frame's checksum covers the id of
// its segment and its place in it, so that no stale frame, and no body that looks like one, is ever taken for a record.
import { createHash } from 'node:crypto';
import type { Cipher } from '../cipher.ts';

export const segmentIdBytes = 16;
const magic = Buffer.from([0x1b, 0x49, 0x4c, 0x52]);
const lengthAt = 4;
const flagsAt = 8;
const checksumAt = 9;
// SHA-256, the first 16 bytes: what is wrong passes once in 2^128 and not once in 2^32 as with CRC-32C, Node has it
// natively, and beside the fsync of a group its cost does not show.
const checksumBytes = 16;
export const frameHeadBytes = checksumAt + checksumBytes;
const sealedFlag = 1;

/** Where a frame stands: it is bound to that place. */
export interface Place {
  readonly segmentId: Buffer;
  readonly offset: number;
}

export interface Frame {
  readonly offset: number;
  /** Where the next one begins. */
  readonly end: number;
  readonly isSealed: boolean;
  /** As it stands in the file: sealed, or plain. */
  readonly bytes: Buffer;
}

export interface Scan {
  readonly frames: readonly Frame[];
  /** Bytes that are no frame, with frames behind them or of a whole frame's length: something has changed them. */
  readonly damaged: readonly { readonly offset: number; readonly bytes: Buffer }[];
  /** Bytes at the end that a write which was never finished has left; nobody was told that they are kept. */
  readonly tornBytes: number;
}

export function frame(payload: Buffer, place: Place, cipher: Cipher | undefined): Buffer {
  const bytes = cipher === undefined ? payload : cipher.seal(payload, contextOf(place));
  const head = Buffer.alloc(frameHeadBytes);
  magic.copy(head);
  head.writeUInt32BE(bytes.length, lengthAt);
  head.writeUInt8(cipher === undefined ? 0 : sealedFlag, flagsAt);
  checksumOf(head, bytes, place).copy(head, checksumAt);
  return Buffer.concat([head, bytes]);
}

/** The payload; undefined when no key of ours opens it. */
export function openFrame(found: Frame, segmentId: Buffer, cipher: Cipher | undefined): Buffer | undefined {
  const { offset, bytes, isSealed } = found;
  return isSealed ? cipher?.open(bytes, contextOf({ segmentId, offset })) : bytes;
}

/** Finds every frame in `bytes`, which begin at `start` of the segment. */
export function scan(bytes: Buffer, { segmentId, offset: start }: Place): Scan {
  const frames: Frame[] = [];
  const damaged: { offset: number; bytes: Buffer }[] = [];
  let at = 0;
  while (at < bytes.length) {
    const found = frameAt(bytes, at, segmentId, start);
    if (found !== undefined) {
      frames.push(found);
      at = found.end - start;
      continue;
    }
    const next = nextFrame(bytes, at + 1, segmentId, start);
    if (next === undefined && isTorn(bytes.subarray(at)))
      return { frames, damaged, tornBytes: bytes.length - at };
    const end = next ?? bytes.length;
    damaged.push({ offset: start + at, bytes: bytes.subarray(at, end) });
    at = end;
  }
  return { frames, damaged, tornBytes: 0 };
}

function frameAt(bytes: Buffer, at: number, segmentId: Buffer, start: number): Frame | undefined {
  const head = bytes.subarray(at, at + frameHeadBytes);
  if (head.length < frameHeadBytes || !head.subarray(0, lengthAt).equals(magic)) return undefined;
  const end = at + frameHeadBytes + head.readUInt32BE(lengthAt);
  if (end > bytes.length) return undefined;
  const payload = bytes.subarray(at + frameHeadBytes, end);
  const offset = start + at;
  if (!checksumOf(head, payload, { segmentId, offset }).equals(head.subarray(checksumAt))) return undefined;
  return {
    offset,
    end: start + end,
    isSealed: (head.readUInt8(flagsAt) & sealedFlag) !== 0,
    bytes: payload,
  };
}

function nextFrame(bytes: Buffer, from: number, segmentId: Buffer, start: number): number | undefined {
  for (let at = bytes.indexOf(magic, from); at !== -1; at = bytes.indexOf(magic, at + 1)) {
    if (frameAt(bytes, at, segmentId, start) !== undefined) return at;
  }
  return undefined;
}

// A frame that ends before its time, or a stretch of a file that was made longer and never filled.
function isTorn(tail: Buffer): boolean {
  if (tail.every((byte) => byte === 0)) return true;
  const begun = tail.subarray(0, lengthAt);
  if (!begun.equals(magic.subarray(0, begun.length))) return false;
  return tail.length < frameHeadBytes || frameHeadBytes + tail.readUInt32BE(lengthAt) > tail.length;
}

function checksumOf(head: Buffer, bytes: Buffer, { segmentId, offset }: Place): Buffer {
  const place = Buffer.alloc(8);
  place.writeBigUInt64BE(BigInt(offset));
  const hash = createHash('sha256').update(segmentId).update(place).update(head.subarray(0, checksumAt));
  return hash.update(bytes).digest().subarray(0, checksumBytes);
}

function contextOf({ segmentId, offset }: Place): string {
  return `outage:${segmentId.toString('hex')}:${offset}`;
}
