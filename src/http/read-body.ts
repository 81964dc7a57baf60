// The exact bytes of a request, up to a limit. The server's request timeout ends requests that come too slowly, so
// nothing here waits for ever.
import type { IncomingMessage } from 'node:http';

/** Bytes of bodies that one request holds in memory. */
export interface Held {
  /** Reading begins; until it is finished, `giveWay` may be called to end it, and what it holds is given back. */
  begin(giveWay: () => void): void;
  /** Takes room for so many more; `false` when there is none. */
  add(bytes: number): boolean;
  /** All of it has come, or no more is wanted. */
  finish(): void;
  release(): void;
}

/** For bodies that are counted by nobody, since few come and each is small. */
export const unbounded: Held = { begin: () => {}, add: () => true, finish: () => {}, release: () => {} };

/** The bytes; `overloaded` when there is no room for them (the rest is thrown away too); `too_large` past the limit (the rest is read and thrown away); `aborted` when the client went away. */
export function readBody(
  req: IncomingMessage,
  limitBytes: number,
  held: Held,
): Promise<Buffer | 'too_large' | 'overloaded' | 'aborted'> {
  return new Promise((resolve) => {
    const body = createPile();
    let size = 0;
    let isRefused = false;
    if (Number(req.headers['content-length'] ?? 0) > limitBytes) {
      req.resume();
      req.on('error', () => {});
      resolve('too_large');
      return;
    }
    const refuse = (why: 'too_large' | 'overloaded') => {
      isRefused = true;
      body.clear();
      held.finish();
      resolve(why);
    };
    held.begin(() => refuse('overloaded'));
    req.on('data', (chunk: Buffer) => {
      if (isRefused) return;
      size += chunk.length;
      const hasRoom = size <= limitBytes && held.add(chunk.length);
      if (hasRoom) {
        body.add(chunk);
        return;
      }
      refuse(size > limitBytes ? 'too_large' : 'overloaded');
    });
    req.on('end', () => {
      held.finish();
      if (!isRefused) resolve(body.bytes());
    });
    req.on('error', () => resolve('aborted'));
    req.on('close', () => resolve('aborted')); // after `end` this settles nothing any more
  });
}

const none = Buffer.alloc(0);

// Pieces are laid side by side as they come: each is an object that takes some hundred bytes, however small it is, so a body that is
// sent byte by byte would take over a hundred times its size. One that comes whole is not copied.
function createPile() {
  let room: Buffer | undefined;
  let size = 0;
  return {
    add: (piece: Buffer) => {
      if (room === undefined) room = piece;
      else {
        if (size + piece.length > room.length) {
          const larger = Buffer.allocUnsafeSlow(Math.max(2 * room.length, size + piece.length));
          room.copy(larger, 0, 0, size);
          room = larger;
        }
        piece.copy(room, size);
      }
      size += piece.length;
    },
    bytes: () => (room?.length === size ? room : (room ?? none).subarray(0, size)),
    clear: () => {
      room = undefined;
      size = 0;
    },
  };
}
