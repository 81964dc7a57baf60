// Encryption at rest, AES-256-GCM. What is sealed names the key that sealed it, so keys are rotated by adding a new one in
// front: the first seals, all open. Each seal is bound to a context (what it belongs to), so that one row's secret copied
// into another row does not open.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Secret } from './secret.ts';

export interface EncryptionKey {
  /** 1 to 32 letters, digits, `-` or `_`; stored in clear beside what it seals. */
  readonly id: string;
  /** 32 bytes in base64. */
  readonly key: Secret;
}

export interface Cipher {
  /** The id of the key that seals. */
  readonly keyId: string;
  /** Text is sealed as its UTF-8 bytes. */
  seal(plain: string | Buffer, context: string): Buffer;
  /** Undefined when no key of ours opens it, or when it was changed or moved. */
  open(sealed: Buffer, context: string): Buffer | undefined;
}

export const keyBytes = 32;
const ivBytes = 12;
const tagBytes = 16;

/** A cipher over `keys`, the first of which seals; undefined for no keys. */
export function createCipher(keys: readonly EncryptionKey[]): Cipher | undefined {
  const [first] = keys;
  if (first === undefined) return undefined;
  const bytesOf = (key: EncryptionKey) => Buffer.from(key.key.reveal(), 'base64');
  return {
    keyId: first.id,
    seal: (plain, context) => {
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv('aes-256-gcm', bytesOf(first), iv).setAAD(Buffer.from(context));
      const sealed = Buffer.concat([
        cipher.update(typeof plain === 'string' ? Buffer.from(plain) : plain),
        cipher.final(),
      ]);
      const id = Buffer.from(first.id);
      return Buffer.concat([Buffer.from([id.length]), id, iv, cipher.getAuthTag(), sealed]);
    },
    open: (sealed, context) => {
      const idEnd = 1 + (sealed[0] ?? 0);
      const id = sealed.subarray(1, idEnd).toString();
      const key = keys.find((candidate) => candidate.id === id);
      if (key === undefined) return undefined;
      const [ivEnd, tagEnd] = [idEnd + ivBytes, idEnd + ivBytes + tagBytes];
      try {
        const decipher = createDecipheriv('aes-256-gcm', bytesOf(key), sealed.subarray(idEnd, ivEnd))
          .setAAD(Buffer.from(context))
          .setAuthTag(sealed.subarray(ivEnd, tagEnd));
        return Buffer.concat([decipher.update(sealed.subarray(tagEnd)), decipher.final()]);
      } catch {
        return undefined;
      }
    },
  };
}

/** The id of the key that sealed this, which stands in clear before it; its first bytes are enough. */
export function sealKeyId(sealed: Buffer): string {
  return shownKeyId(sealed.subarray(1, 1 + (sealed[0] ?? 0)).toString());
}

/** A key's id from the database, where whoever can write there may have put anything. */
export function shownKeyId(id: string): string {
  return /^[\w-]{1,32}$/.test(id) ? id : 'unreadable';
}
