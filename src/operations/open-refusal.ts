// A stored refusal as it came: its headers and bytes, opened where they are sealed.
import type { Cipher } from '../cipher.ts';
import type { RefusalRow } from '../db/find-refusals.ts';
import { ServiceError } from '../errors.ts';
import { sealContext } from './keep-refusals.ts';

export interface OpenedRefusal {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Throws `conflict` when it is sealed with a key that is not configured. */
export function openRefusal(row: RefusalRow, cipher: Cipher | undefined): OpenedRefusal {
  const open = (stored: Buffer, part: 'headers' | 'body') => {
    if (!row.isSealed) return stored;
    try {
      if (cipher === undefined) throw new Error('ENCRYPTION_KEYS is not set');
      return cipher.open(stored, sealContext(row.id, part));
    } catch (error) {
      const message = `The refusal ${row.id} is sealed with a key that ENCRYPTION_KEYS does not list.`;
      throw new ServiceError('conflict', message, { cause: error });
    }
  };
  return {
    headers: JSON.parse(open(row.headers, 'headers').toString()) as Record<string, string>,
    body: open(row.body, 'body'),
  };
}
