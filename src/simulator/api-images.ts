// The pretend API's eyes: they read a comment inside a JPEG instead of a face. Images of any other making are looked at
// only as far as their first and last bytes; they hold one face, and are alike as far as their bytes are equal. The
// images that are made here are whole grey JPEGs that any decoder opens.
import { createHash } from 'node:crypto';

export interface TestImage {
  readonly faces?: number;
  /** Whose face it is: images that name the same person match. */
  readonly person?: string;
  readonly width?: number;
  readonly height?: number;
}

export interface SeenImage {
  readonly faceCount: number;
  /** Equal for images of the same face. */
  readonly person: string;
  readonly width: number;
  readonly height: number;
}

export const imageLimitBytes = 8 * 1024 * 1024;

const icaoWidth = 480;
const icaoHeight = 600;
const commentMark = 'ilive-webhooks-simulator ';

/** A grey JPEG with a comment that says what the pretend API sees in it; 480×600 unless told otherwise. */
export function createTestImage(options: TestImage = {}): Buffer {
  const { faces = 1, person = 'somebody', width = icaoWidth, height = icaoHeight } = options;
  const comment = Buffer.from(commentMark + JSON.stringify({ faces, person }));
  const size = [height >> 8, height & 255, width >> 8, width & 255];
  const blockCount = Math.ceil(width / 8) * Math.ceil(height / 8);
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    segment(0xe0, Buffer.from([0x4a, 0x46, 0x49, 0x46, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0])),
    segment(0xfe, comment),
    segment(0xdb, Buffer.from([0, ...new Array<number>(64).fill(1)])),
    segment(0xc0, Buffer.from([8, ...size, 1, 1, 0x11, 0])),
    segment(0xc4, oneSymbolTable(0x00)),
    segment(0xc4, oneSymbolTable(0x10)),
    segment(0xda, Buffer.from([1, 1, 0, 0, 63, 0])),
    // Each block is two zero bits: no change of brightness, and no detail.
    Buffer.alloc(Math.floor((blockCount * 2) / 8)),
    ...((blockCount * 2) % 8 === 0 ? [] : [Buffer.from([0xff >> ((blockCount * 2) % 8)])]),
    Buffer.from([0xff, 0xd9]),
  ]);
}

function segment(marker: number, content: Buffer): Buffer {
  const length = content.length + 2;
  return Buffer.concat([Buffer.from([0xff, marker, length >> 8, length & 255]), content]);
}

// A Huffman table with one code of one bit, for the symbol 0.
function oneSymbolTable(id: number): Buffer {
  return Buffer.from([id, 1, ...new Array<number>(15).fill(0), 0]);
}

/** What is on an image; undefined where it is neither a JPEG nor a PNG. */
export function seeImage(bytes: Buffer): SeenImage | undefined {
  const isPng = bytes.subarray(0, 8).equals(pngStart);
  const isJpeg = bytes[0] === 0xff && bytes[1] === 0xd8 && bytes.subarray(-2).equals(jpegEnd);
  if (!isPng && !isJpeg) return undefined;
  const size = isPng ? pngSize(bytes) : jpegSize(bytes);
  const said = readComment(bytes);
  const person = createHash('sha256').update(bytes).digest('hex');
  return { faceCount: said.faces ?? 1, person: said.person ?? person, ...size };
}

const pngStart = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const jpegEnd = Buffer.from([0xff, 0xd9]);

function pngSize(bytes: Buffer): { width: number; height: number } {
  return bytes.length < 24
    ? { width: 0, height: 0 }
    : { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
}

function jpegSize(bytes: Buffer): { width: number; height: number } {
  for (let at = 2; at + 9 <= bytes.length && bytes[at] === 0xff; at += 2 + bytes.readUInt16BE(at + 2)) {
    const marker = bytes[at + 1] ?? 0;
    if (marker >= 0xc0 && marker <= 0xc2) {
      return { width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5) };
    }
  }
  return { width: 0, height: 0 };
}

function readComment(bytes: Buffer): { faces?: number; person?: string } {
  const start = bytes.indexOf(commentMark);
  const end = bytes.indexOf('}', start);
  if (start < 0 || end < 0) return {};
  try {
    return JSON.parse(bytes.subarray(start + commentMark.length, end + 1).toString('utf8'));
  } catch {
    return {};
  }
}

/** 0 to 1: high for the same person, low and always the same for two others. */
export function compareImages(a: SeenImage, b: SeenImage): number {
  const isSame = a.person === b.person;
  const chance = createHash('sha256').update([a.person, b.person].sort().join('/')).digest().readUInt16LE(0);
  const share = chance / 65_536;
  return Math.round((isSame ? 0.9 + share * 0.09 : share * 0.3) * 10_000) / 10_000;
}
