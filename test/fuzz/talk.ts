// What the fuzzer says over one connection, and what has to come of it. A talk is made from a seed and its number alone, so
// that one which went wrong can be had again; it knows nothing of sockets.
import type { Random } from '../../src/simulator/random.ts';

/** Bytes to write, or a pause before the next ones. */
export type Piece = Buffer | { readonly pauseMs: number };

/** What a delivery is found by in the database. */
export interface SignedDelivery {
  readonly webhookId: string;
  readonly sha256: string;
}

export interface Turn {
  readonly pieces: readonly Piece[];
  /** Requests that these pieces are, or pretend to be. */
  readonly requestCount?: number;
  /** Signed by us with the right secret: only these may be accepted. */
  readonly signed?: readonly SignedDelivery[];
  /** Each of them has to be accepted. */
  readonly mustBeAccepted?: boolean;
  /** We go away in the middle and wait for no answer. */
  readonly leaves?: boolean;
  /** Nothing after it would be understood, or it is whole without. */
  readonly isLast?: boolean;
}

export interface Talk extends Required<Turn> {
  readonly shape: string;
  readonly index: number;
}

/** What shapes are made of. */
export interface Making {
  readonly random: Random;
  readonly host: string;
  /** Unique to this talk. */
  readonly name: string;
  /** Signs with the right secret, as iLive does; the timestamp is now, moved by so many seconds. */
  sign(
    body: Buffer,
    webhookId: string,
    movedSeconds?: number,
  ): { readonly headers: Readonly<Record<string, string>>; readonly delivery: SignedDelivery };
  /** A request to the API that was made from its document, as bytes, with a key of some role or none. */
  apiRequest(): Buffer;
  /** A key of role reader. */
  readonly readerKey: string;
}

export interface Shape {
  readonly name: string;
  /** How often, beside the others. */
  readonly weight: number;
  /** Whether it fits before others on the same connection. */
  readonly isWhole: boolean;
  make(making: Making): Turn;
}

export const frontDoor = '/webhooks/ilive';

export function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** A request as it stands on the wire; nothing in it is put right. */
export function writeRequest(
  line: string,
  headers: readonly (readonly [string, string])[],
  body: Buffer = Buffer.alloc(0),
): Buffer {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.concat([bytesOf(`${line}\r\n${lines}\r\n`), body]);
}

/** A POST to the front door with a true length. */
export function writePost(
  making: Pick<Making, 'host'>,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
  path = frontDoor,
): Buffer {
  return writeRequest(
    `POST ${path} HTTP/1.1`,
    [['host', making.host], ...Object.entries(headers), ['content-length', String(body.length)]],
    body,
  );
}
