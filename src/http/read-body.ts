// The exact bytes of a request, up to a limit. The server's request timeout ends requests that come too slowly, so
// nothing here waits for ever.
import type { IncomingMessage } from 'node:http';

/** Bytes of bodies that one request holds in memory. */
export interface Held {
  /** Takes room for so many more; `false` when there is none. */
  add(bytes: number): boolean;
  release(): void;
}

/** For bodies that are counted by nobody, since few come and each is small. */
export const unbounded: Held = { add: () => true, release: () => {} };

/** The bytes; `overloaded` when there is no room for them (the rest is thrown away too); `too_large` past the limit (the rest is read and thrown away); `aborted` when the client went away. */
export function readBody(
  req: IncomingMessage,
  limitBytes: number,
  held: Held,
): Promise<Buffer | 'too_large' | 'overloaded' | 'aborted'> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let isRefused = false;
    if (Number(req.headers['content-length'] ?? 0) > limitBytes) {
      req.resume();
      req.on('error', () => {});
      resolve('too_large');
      return;
    }
    req.on('data', (chunk: Buffer) => {
      if (isRefused) return;
      size += chunk.length;
      const hasRoom = size <= limitBytes && held.add(chunk.length);
      if (hasRoom) {
        chunks.push(chunk);
        return;
      }
      isRefused = true;
      chunks.length = 0;
      resolve(size > limitBytes ? 'too_large' : 'overloaded');
    });
    req.on('end', () => {
      if (isRefused) return;
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, size));
    });
    req.on('error', () => resolve('aborted'));
    req.on('close', () => resolve('aborted')); // after `end` this settles nothing any more
  });
}
