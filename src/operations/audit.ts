// The audit: what operators did, each entry chained to the one before by its hash, so that one that was changed, taken
// out or moved shows. Where an encryption key is configured the hashes hang on it, and who can write to the database
// alone cannot make them anew.
import { createHash, createHmac } from 'node:crypto';
import { type EncryptionKey, shownKeyId } from '../cipher.ts';
import {
  type AuditEntry,
  type AuditHead,
  insertAuditEntry,
  listAuditPage,
  lockAuditHead,
  readAuditHead,
} from '../db/audit.ts';
import type { Database, Queries, Transaction } from '../db/connect.ts';
import { instantOf } from '../events/instant.ts';
import type { Action } from './action.ts';
import {
  type AuditKey,
  deriveAuditKey,
  findKeysToCarry,
  keyedAction,
  readAuditKeys,
  sealAuditKeys,
} from './audit-keys.ts';

export interface NewEntry extends Action {
  readonly rows: number;
  /** `done`, or the code of what went wrong. */
  readonly outcome: string;
  readonly at: Date;
}

/** Appends one entry. It waits for every other that is being appended, so it stands last in its transaction. */
export async function appendAudit(
  tx: Transaction,
  { actor, name, why, details, rows, outcome, at }: NewEntry,
  key: EncryptionKey | undefined,
): Promise<void> {
  const head = await lockAuditHead(tx);
  const entry: Unhashed = {
    seq: head.seq + 1,
    at: instantOf(at),
    actor: actor.name,
    role: actor.role,
    address: actor.address,
    action: name,
    why,
    // Beside the details, which the hash covers whole: entries of before stay as they are.
    details: JSON.stringify(actor.keyId === undefined ? details : { ...details, actor_key_id: actor.keyId }),
    rows,
    outcome,
    keyId: key?.id ?? null,
    previousHash: head.hash,
  };
  await insertAuditEntry(tx, { ...entry, hash: hashOf(entry, key && deriveAuditKey(key)) });
}

/**
 * Where the newest entry hangs on no encryption key though there is one, appends an entry that does: from then on a newest
 * entry without a key was made by somebody who has none. The same where entries hang on another key than the first: it
 * carries that key on, so that it can be taken away and what hangs on it stays proven.
 */
export async function keyAudit(db: Database, keys: readonly EncryptionKey[], at: Date): Promise<void> {
  const [first] = keys;
  if (first === undefined || !(await isToBeKeyed(db, keys))) return;
  await db.transaction(async (tx) => {
    await lockAuditHead(tx);
    if (!(await isToBeKeyed(tx, keys))) return; // another process was quicker
    const carried = sealAuditKeys(await findKeysToCarry(tx, keys), first);
    const actor = { name: 'service', role: 'admin', address: 'local' } as const;
    const why = 'from here on the hashes hang on this encryption key';
    const details = { key: first.id, carried };
    const entry = { actor, name: keyedAction, why, details, rows: 0, outcome: 'done', at };
    await appendAudit(tx, entry, first);
  });
}

async function isToBeKeyed(db: Queries, keys: readonly EncryptionKey[]): Promise<boolean> {
  const { newestSeq } = await readAuditHead(db);
  const [newest] = await listAuditPage(db, { after: newestSeq - 1, upTo: newestSeq, limit: 1 });
  if (newest === undefined) return false;
  return newest.keyId === null || (await findKeysToCarry(db, keys)).length > 0;
}

export const auditFlaws = [
  'missing', // there is no entry with this number; 0 is the row that names the newest
  'changed', // it says something else than when it was written
  'out_of_order', // the entry before it is not the one that it was written behind
  'unknown_key', // its hash hangs on an encryption key that is not configured
] as const;

export interface AuditFlaw {
  readonly seq: number;
  readonly flaw: (typeof auditFlaws)[number];
}

export interface AuditVerification {
  readonly entries: number;
  /** The first of them, in order. */
  readonly flaws: readonly AuditFlaw[];
  /** The encryption keys without which entries cannot be verified, and how many entries each. */
  readonly missingKeys: ReadonlyMap<string, number>;
  /** The first entry whose hash hangs on an encryption key; undefined where none does. */
  readonly keyedFrom: number | undefined;
  /** The newest entry: noted elsewhere, it later proves that nothing before it was rewritten. */
  readonly head: { readonly seq: number; readonly hash: string };
}

const pageEntries = 1_000;
const shownFlaws = 100;

/** Reads the whole audit and names what is wrong with it. `keys` are all encryption keys that are configured. */
export async function verifyAudit(db: Queries, keys: readonly EncryptionKey[]): Promise<AuditVerification> {
  const { head, newestSeq } = await readAuditHead(db);
  // No entry of ours has a number that cannot be counted on from; the database's own largest cannot even be asked for.
  const upTo = Math.min(newestSeq, Number.MAX_SAFE_INTEGER - 1);
  const auditKeys = await readAuditKeys(db, keys);
  const flaws: AuditFlaw[] = [];
  const missingKeys = new Map<string, number>();
  let before: AuditHead = { seq: 0, hash: Buffer.alloc(0) };
  let entries = 0;
  let keyedFrom: number | undefined;
  let isLastKeyed = false;
  for (;;) {
    const page = await listAuditPage(db, { after: before.seq, upTo, limit: pageEntries });
    for (const entry of page) {
      noteMissing(flaws, before.seq + 1, entry.seq);
      const flaw = flawOf(entry, before, auditKeys, keyedFrom !== undefined);
      if (flaw !== undefined) note(flaws, entry.seq, flaw);
      if (flaw === 'unknown_key') {
        const key = shownKeyId(entry.keyId ?? '');
        missingKeys.set(key, (missingKeys.get(key) ?? 0) + 1);
      }
      if (entry.keyId !== null) keyedFrom ??= entry.seq;
      isLastKeyed = entry.keyId !== null;
      before = entry;
      entries += 1;
    }
    if (page.length < pageEntries) break;
  }
  if (head === undefined) note(flaws, 0, 'missing');
  noteMissing(flaws, before.seq + 1, (head?.seq ?? 0) + 1);
  // At a start the newest entry is made to hang on a key.
  if (keys.length > 0 && entries > 0 && !isLastKeyed) note(flaws, before.seq, 'changed');
  const isHeadBehind = head !== undefined && (head.seq < before.seq || !endsAt(before, head));
  if (isHeadBehind) note(flaws, before.seq, 'changed');
  if (newestSeq > upTo) note(flaws, newestSeq, 'changed');
  const { seq, hash } = head ?? before;
  return { entries, flaws, missingKeys, keyedFrom, head: { seq, hash: hash.toString('hex') } };
}

function endsAt(last: AuditHead, head: AuditHead): boolean {
  return last.seq < head.seq || last.hash.equals(head.hash);
}

type Unhashed = Omit<AuditEntry, 'hash'>;

function flawOf(
  entry: AuditEntry,
  before: AuditHead,
  keys: readonly AuditKey[],
  isKeyed: boolean,
): AuditFlaw['flaw'] | undefined {
  const key = keys.find(({ id, upTo }) => id === entry.keyId && entry.seq <= upTo)?.bytes;
  if (entry.keyId !== null && key === undefined) return 'unknown_key';
  // Once the hashes hang on a key, one that hangs on none was made by somebody who has no key.
  if (entry.keyId === null && isKeyed) return 'changed';
  if (!hashOf(entry, key).equals(entry.hash)) return 'changed';
  if (before.seq === entry.seq - 1 && !before.hash.equals(entry.previousHash)) return 'out_of_order';
  return undefined;
}

function hashOf(entry: Unhashed, key: Buffer | undefined): Buffer {
  const { seq, at, actor, role, address, action, why, details, rows, outcome, keyId, previousHash } = entry;
  const covered = [
    seq,
    at,
    actor,
    role,
    address,
    action,
    why,
    details,
    rows,
    outcome,
    keyId,
    previousHash.toString('hex'),
  ];
  const text = JSON.stringify(covered);
  if (key === undefined) return createHash('sha256').update(text).digest();
  return createHmac('sha256', key).update(text).digest();
}

// Whoever writes to the database can make the gap as wide as they like: no more of it is walked than is shown.
function noteMissing(flaws: AuditFlaw[], from: number, to: number): void {
  for (let seq = from; seq < to && flaws.length < shownFlaws; seq += 1) note(flaws, seq, 'missing');
}

function note(flaws: AuditFlaw[], seq: number, flaw: AuditFlaw['flaw']): void {
  const isNoted = flaws.some((noted) => noted.seq === seq);
  if (!isNoted && flaws.length < shownFlaws) flaws.push({ seq, flaw });
}
