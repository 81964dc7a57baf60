// Reads a file that the outage store has set aside, for somebody who wants to see what is in it: a delivery that Postgres
// refused stands there as it stood in its segment, sealed where that was, and opens at the place that its name tells.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Cipher } from '../cipher.ts';
import { openFrame, scan } from './record.ts';

const names = /^\d{8}-([0-9a-f]{32})-(\d+)\.damaged$/;

/** The payload; `not_ours` for another name, `damaged` where something changed the bytes, `sealed` where no key opens it. Throws when the file cannot be read. */
export async function readSetAside(
  file: string,
  cipher: Cipher | undefined,
): Promise<Buffer | 'not_ours' | 'damaged' | 'sealed'> {
  const [, id, offset] = names.exec(path.basename(file)) ?? [];
  if (id === undefined) return 'not_ours';
  const place = { segmentId: Buffer.from(id, 'hex'), offset: Number(offset) };
  const { frames, damaged } = scan(await readFile(file), place);
  const [only] = frames;
  if (only === undefined || frames.length > 1 || damaged.length > 0) return 'damaged';
  return openFrame(only, place.segmentId, cipher) ?? 'sealed';
}
