// An image of the caller's → bytes that can be sent, within iLive's limit and before any network is used. A path is
// measured before it is read, a stream is given up as soon as it passes the limit. The type is told by the first bytes,
// never by a name; what they do not tell is left to iLive, which may read more formats than it documents.
//
// Documented: 8 MB an image, JPEG and PNG. ASSUMPTION 15: a MB of these is 2^20 bytes; iLive checks for itself.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { addAbortSignal, Readable } from 'node:stream';
import { CancelledError, InvalidRequestError } from './errors.ts';

/** A path, the bytes, or a stream of them. */
export type ImageSource = string | Buffer | Uint8Array | Readable;

export interface Image {
  readonly bytes: Buffer;
  readonly contentType: 'image/jpeg' | 'image/png' | 'application/octet-stream';
  /** Made up from the type: the caller's file names stay here. */
  readonly fileName: string;
}

export const imageLimitBytes = 8 * 2 ** 20;

/** Reads one image. `name` is what the errors call it. */
export async function readImage(name: string, source: ImageSource, signal?: AbortSignal): Promise<Image> {
  const bytes = await readBytes(name, source, signal);
  if (bytes.length === 0) throw refuse('empty_image', `The ${name} image is empty`);
  if (bytes.length > imageLimitBytes) throw tooLarge(name);
  const [contentType, ending] = typeOf(bytes);
  return { bytes, contentType, fileName: `${name}.${ending}` };
}

async function readBytes(name: string, source: ImageSource, signal?: AbortSignal): Promise<Buffer> {
  if (typeof source === 'string') return readPath(name, source, signal);
  if (source instanceof Readable) return readStream(name, source, signal);
  return Buffer.from(source.buffer, source.byteOffset, source.byteLength);
}

async function readPath(name: string, path: string, signal?: AbortSignal): Promise<Buffer> {
  const facts = await stat(path).catch((error: unknown) => {
    throw unreadable(name, error);
  });
  if (!facts.isFile()) throw refuse('image_unreadable', `${titled(name)} cannot be read: it is no file`);
  if (facts.size > imageLimitBytes) throw tooLarge(name);
  return readStream(name, createReadStream(path), signal);
}

async function readStream(name: string, stream: Readable, signal?: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  try {
    if (signal !== undefined) addAbortSignal(signal, stream);
    for await (const chunk of stream) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk as Uint8Array);
      sizeBytes += bytes.length;
      if (sizeBytes > imageLimitBytes) throw tooLarge(name);
      chunks.push(bytes);
    }
  } catch (error) {
    if (signal?.aborted) {
      throw new CancelledError(`The caller cancelled while the ${name} image was read`, {
        code: 'cancelled',
      });
    }
    throw error instanceof InvalidRequestError ? error : unreadable(name, error);
  }
  return Buffer.concat(chunks, sizeBytes);
}

/** What the first bytes say that it is; `application/octet-stream` for anything but a JPEG or a PNG. */
export function typeOf(bytes: Buffer): [Image['contentType'], string] {
  if (bytes.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff]))) return ['image/jpeg', 'jpg'];
  if (bytes.subarray(0, 8).equals(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'))) return ['image/png', 'png'];
  return ['application/octet-stream', 'bin'];
}

function tooLarge(name: string): InvalidRequestError {
  const limit = `${imageLimitBytes / 2 ** 20} MB`;
  return refuse('image_too_large', `${titled(name)} is larger than the ${limit} that iLive takes`);
}

function unreadable(name: string, error: unknown): InvalidRequestError {
  const reason = error instanceof Error ? error.message : String(error);
  return refuse('image_unreadable', `${titled(name)} cannot be read: ${reason}`);
}

// The single image of a call is named so itself.
function titled(name: string): string {
  return name === 'image' ? 'The image' : `The ${name} image`;
}

function refuse(code: string, message: string): InvalidRequestError {
  return new InvalidRequestError(message, { code });
}
