// The audit's rows. Entries are numbered without a gap: whoever appends holds the head's row until its transaction ends.

import type { Queries, Transaction } from './connect.ts';
import { and, eq, gte, lt } from './drizzle.ts';
import { hasValues } from './has-values.ts';
import { isWithin, listPage, type Page, type Range } from './order.ts';
import { auditEntries, auditHead } from './schema-operations.ts';

export type AuditEntry = typeof auditEntries.$inferSelect;

export interface AuditHead {
  readonly seq: number;
  readonly hash: Buffer;
}

/** The newest entry's number and hash, held until the transaction ends. */
export async function lockAuditHead(tx: Transaction): Promise<AuditHead> {
  const [head] = await tx.orm((orm) => orm.select().from(auditHead).where(eq(auditHead.id, 1)).for('update'));
  if (head === undefined) throw new Error('the audit has lost its head: the row of audit_head is gone');
  return head;
}

/** The head as it is, and the number of the newest entry, as one look sees them; no head where its row is gone. */
export async function readAuditHead(
  db: Queries,
): Promise<{ readonly head: AuditHead | undefined; readonly newestSeq: number }> {
  const [row] = await db.query<{ seq: string | null; hash: Buffer | null; newest: string }>({
    text: `select h.seq, h.hash, (select coalesce(max(seq), 0) from audit_entries) as newest
           from (select 1) one left join audit_head h on h.id = 1`,
  });
  const { seq = null, hash = null, newest = '0' } = row ?? {};
  const head = seq === null || hash === null ? undefined : { seq: Number(seq), hash };
  return { head, newestSeq: Number(newest) };
}

/** Appends an entry and moves the head on to it; only for who holds the head. */
export async function insertAuditEntry(tx: Transaction, entry: AuditEntry): Promise<void> {
  await tx.orm((orm) => orm.insert(auditEntries).values(entry));
  await tx.orm((orm) =>
    orm.update(auditHead).set({ seq: entry.seq, hash: entry.hash }).where(eq(auditHead.id, 1)),
  );
}

/** At most `limit` entries behind `after`, up to and with `upTo`, in their order. */
export function listAuditPage(
  db: Queries,
  { after, upTo, limit }: { after: number; upTo: number; limit: number },
): Promise<AuditEntry[]> {
  return db.orm((orm) => {
    const { seq } = auditEntries;
    return orm
      .select()
      .from(auditEntries)
      .where(and(gte(seq, after + 1), lt(seq, upTo + 1)))
      .orderBy(seq)
      .limit(limit);
  });
}

/** Of each encryption key that entries hang on the newest of these. */
export async function findNewestByKey(
  db: Queries,
): Promise<{ readonly keyId: string; readonly seq: number }[]> {
  const rows = await db.query<{ keyId: string; seq: string }>({
    text: `select key_id as "keyId", max(seq) as seq from audit_entries where key_id is not null group by 1`,
  });
  return rows.map(({ keyId, seq }) => ({ keyId, seq: Number(seq) }));
}

/** The details of the entries of this action, oldest first. */
export async function findDetails(db: Queries, action: string): Promise<string[]> {
  const rows = await db.query<{ details: string }>({
    text: `select details from audit_entries where action = $1 order by seq`,
    values: [action],
  });
  return rows.map(({ details }) => details);
}

export interface AuditFilter extends Range {
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
}

/** A page of the entries that match, in their order. */
export function listAuditEntries(
  db: Queries,
  { actor, action, from, to }: AuditFilter,
  page: Page,
): Promise<AuditEntry[]> {
  const isAsked = and(hasValues(auditEntries, { actor, action }), isWithin(auditEntries.at, { from, to }));
  return listPage(db, auditEntries, isAsked, [auditEntries.seq], page);
}
