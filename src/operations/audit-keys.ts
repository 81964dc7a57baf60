// The keys that the audit's hashes hang on, each derived from an encryption key. For an encryption key to be taken away, the
// key that is derived from it is carried on by an entry of the audit's own, sealed with the first key. A key that is carried
// proves what stood before the entry that carries it and nothing behind: whoever gets hold of the old key later, which may be
// why it was changed, can append nothing with it.
import { hkdfSync } from 'node:crypto';
import { createCipher, type EncryptionKey } from '../cipher.ts';
import { findDetails, findNewestByKey } from '../db/audit.ts';
import type { Queries } from '../db/connect.ts';

/** The action of the entries that carry keys. */
export const keyedAction = 'audit.keyed';

export interface AuditKey {
  /** That of the encryption key. */
  readonly id: string;
  readonly bytes: Buffer;
  /** The newest entry that it proves. */
  readonly upTo: number;
}

interface CarriedKey {
  readonly key: string;
  readonly up_to: number;
  readonly sealed: string;
}

export function deriveAuditKey({ key }: EncryptionKey): Buffer {
  const bytes = Buffer.from(key.reveal(), 'base64');
  return Buffer.from(hkdfSync('sha256', bytes, '', 'ilive-webhooks audit', 32));
}

/** Those of the keys that are configured, which prove every entry, and those that are carried. */
export async function readAuditKeys(db: Queries, keys: readonly EncryptionKey[]): Promise<AuditKey[]> {
  const configured = keys.map((key) => ({
    id: key.id,
    bytes: deriveAuditKey(key),
    upTo: Number.MAX_SAFE_INTEGER,
  }));
  return [...configured, ...(await readCarried(db, keys))];
}

/** Those that entries hang on, that are at hand, and that the first key does not carry yet. */
export async function findKeysToCarry(db: Queries, keys: readonly EncryptionKey[]): Promise<AuditKey[]> {
  const [newest, known, carried] = await Promise.all([
    findNewestByKey(db),
    readAuditKeys(db, keys),
    readCarried(db, keys.slice(0, 1)),
  ]);
  return newest.flatMap(({ keyId, seq }) => {
    if (keyId === keys[0]?.id) return [];
    const isCarried = (upTo: number) => carried.some((each) => each.id === keyId && each.upTo >= upTo);
    const ofKey = known
      .filter(({ id }) => id === keyId)
      .map((key) => ({ ...key, upTo: Math.min(key.upTo, seq) }));
    const furthest = ofKey.sort((a, b) => b.upTo - a.upTo)[0];
    return furthest === undefined || isCarried(furthest.upTo) ? [] : [furthest];
  });
}

/** As the details of an entry hold them. */
export function sealAuditKeys(carried: readonly AuditKey[], first: EncryptionKey): CarriedKey[] {
  const cipher = createCipher([first]);
  return carried.map(({ id, bytes, upTo }) => ({
    key: id,
    up_to: upTo,
    sealed: cipher?.seal(bytes, contextOf(id, upTo)).toString('base64') ?? '',
  }));
}

// Whoever can write to the database may have put anything there: what the keys do not open is none.
async function readCarried(db: Queries, keys: readonly EncryptionKey[]): Promise<AuditKey[]> {
  const cipher = createCipher(keys);
  const all = await findDetails(db, keyedAction);
  return all.flatMap((details) => {
    try {
      const { carried = [] } = JSON.parse(details) as { carried?: readonly CarriedKey[] };
      return carried.flatMap(({ key, up_to: upTo, sealed }) => {
        const bytes = cipher?.open(Buffer.from(sealed, 'base64'), contextOf(key, upTo));
        return bytes === undefined ? [] : [{ id: key, bytes, upTo }];
      });
    } catch {
      return [];
    }
  });
}

function contextOf(keyId: string, upTo: number): string {
  return JSON.stringify(['audit key', keyId, upTo]);
}
