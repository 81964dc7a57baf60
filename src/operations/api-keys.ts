// The keys to our own API. A key is shown once and stored as its hash; it carries a checksum, so that a slip of the hand is
// told from a stranger's key and scanners of secrets can find one that leaked. Each process holds the keys that work in
// memory and reads them anew every second: that is how fast a revoked key stops.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { type ApiKeyRow, loadUsableKeys, noteKeysUsed } from '../db/api-keys.ts';
import type { Database } from '../db/connect.ts';
import type { RoleName } from '../db/schema-operations.ts';
import type { Log } from '../log.ts';
import type { Secret } from '../secret.ts';

/** Whose key it is. */
export interface Identity {
  readonly id: string;
  readonly name: string;
  readonly role: RoleName;
}

/** The identity behind BOOTSTRAP_API_KEY. */
export const bootstrap: Identity = { id: 'bootstrap', name: 'bootstrap', role: 'admin' };

export const keyPrefix = 'ilw_';
const idChars = 10;
const secretChars = 32;
const checksumChars = 6;
const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** A new key: what is shown once, and what is stored. */
export function makeKey(): { readonly id: string; readonly text: string; readonly sha256: Buffer } {
  const id = randomDigits(idChars);
  const body = `${keyPrefix}${id}${randomDigits(secretChars)}`;
  const text = `${body}${checksumOf(body)}`;
  return { id, text, sha256: hashOf(text) };
}

/** Whether the text is a key of ours that was copied whole. */
export function isWholeKey(text: string): boolean {
  const body = text.slice(0, -checksumChars);
  const length = keyPrefix.length + idChars + secretChars + checksumChars;
  return text.startsWith(keyPrefix) && text.length === length && text.endsWith(checksumOf(body));
}

export interface KeyRing {
  /** Whose key the text is; undefined for nobody's. */
  identify(text: string): Identity | undefined;
  /** Whether there is any in the database. */
  hasKeys(): boolean;
  /** Reads the keys anew, and writes down when each was last used. */
  refresh(): Promise<void>;
}

export interface KeyRingOptions {
  readonly db: Database;
  /** BOOTSTRAP_API_KEY. */
  readonly bootstrapKey: Secret | undefined;
  readonly now: () => Date;
  readonly log: Log;
}

/** Holds the keys that work; none of the database's before the first `refresh`. */
export function createKeyRing({ db, bootstrapKey, now, log }: KeyRingOptions): KeyRing {
  let byHash = new Map<string, ApiKeyRow>();
  const used = new Map<string, Date>();
  return {
    identify: (text) => {
      if (bootstrapKey?.isEqualTo(text)) return bootstrap;
      if (!isWholeKey(text)) return undefined;
      const hash = hashOf(text);
      // Found by its hash, which whoever guesses cannot steer; compared whole in constant time.
      const row = byHash.get(hash.toString('hex'));
      if (row === undefined || !timingSafeEqual(row.sha256, hash)) return undefined;
      if (row.expiresAt !== null && new Date(row.expiresAt) <= now()) return undefined;
      used.set(row.id, now());
      return { id: row.id, name: row.name, role: row.role };
    },
    hasKeys: () => byHash.size > 0,
    refresh: async () => {
      const rows = await loadUsableKeys(db, now());
      byHash = new Map(rows.map((row) => [row.sha256.toString('hex'), row]));
      const noted = [...used];
      used.clear();
      await noteKeysUsed(db, noted).catch((error: unknown) =>
        log.warn({ err: error }, 'when API keys were last used could not be written down'),
      );
    },
  };
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function checksumOf(body: string): string {
  let rest = crc32(body);
  let text = '';
  for (let place = 0; place < checksumChars; place += 1) {
    text = digits.charAt(rest % digits.length) + text;
    rest = Math.floor(rest / digits.length);
  }
  return text;
}

// Bytes past the last whole multiple of 62 are thrown away: the digits would not be equally likely otherwise.
function randomDigits(count: number): string {
  let text = '';
  while (text.length < count) {
    for (const byte of randomBytes(count)) {
      if (byte < 248 && text.length < count) text += digits.charAt(byte % digits.length);
    }
  }
  return text;
}
