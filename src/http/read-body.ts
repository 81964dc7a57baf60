// The exact bytes of a request, up to a limit. The server's request timeout ends requests that come too slowly, so
// nothing here waits for ever.
import type { IncomingMessage } from 'node:http';

/** The bytes; `too_large` past the limit (the rest is read and thrown away); `aborted` when the client went away. */
export function readBody(
  req: IncomingMessage,
  limitBytes: number,
): Promise<Buffer | 'too_large' | 'aborted'> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    if (Number(req.headers['content-length'] ?? 0) > limitBytes) {
      req.resume();
      req.on('error', () => {});
      resolve('too_large');
      return;
    }
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limitBytes) {
        chunks.push(chunk);
        return;
      }
      chunks.length = 0;
      resolve('too_large');
    });
    req.on('end', () => {
      if (size > limitBytes) return;
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, size));
    });
    req.on('error', () => resolve('aborted'));
    req.on('close', () => resolve('aborted')); // after `end` this settles nothing any more
  });
}
