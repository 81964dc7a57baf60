// A stored refusal as it came: its headers and bytes, opened where they are sealed.
import type { Cipher } from '../cipher.ts';
import type { RefusalRow } from '../db/find-refusals.ts';
import { sealContext } from './keep-refusals.ts';

/** Why one that cannot be opened stays refused. */
export const unopened = 'unopened';

export interface OpenedRefusal {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Undefined when it is sealed with a key that is not configured. */
export function openRefusal(row: RefusalRow, cipher: Cipher | undefined): OpenedRefusal | undefined {
  const headers = open(row, 'headers', cipher);
  const body = open(row, 'body', cipher);
  if (headers === undefined || body === undefined) return undefined;
  return { headers: JSON.parse(headers.toString()) as Record<string, string>, body };
}

function open(row: RefusalRow, part: 'headers' | 'body', cipher: Cipher | undefined): Buffer | undefined {
  return row.isSealed ? cipher?.open(row[part], sealContext(row.id, part)) : row[part];
}
