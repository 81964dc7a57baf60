// The keys to our own API, as hashes. A revoked key's row stays: the audit names it.

import { type Instant, instantOf } from '../events/instant.ts';
import type { Queries, Transaction } from './connect.ts';
import { and, eq, gt, isNull, or } from './drizzle.ts';
import { lockNames } from './locks.ts';
import { listPage, type Page } from './order.ts';
import { apiKeys, type RoleName } from './schema-operations.ts';

export type ApiKeyRow = typeof apiKeys.$inferSelect;

export interface NewApiKey {
  readonly id: string;
  readonly name: string;
  readonly role: RoleName;
  readonly sha256: Buffer;
  readonly createdBy: string;
  readonly expiresAt: Instant | null;
}

export async function recordApiKey(db: Queries, key: NewApiKey, now: Date): Promise<void> {
  await db.orm((orm) => orm.insert(apiKeys).values({ ...key, createdAt: instantOf(now) }));
}

/** Whether a key that is neither revoked nor expired has this name; the name is held until the transaction ends. */
export async function takeKeyName(tx: Transaction, name: string, now: Date): Promise<boolean> {
  await lockNames(tx, [`api_keys ${name}`]);
  return (await loadUsableKeys(tx, now)).some((key) => key.name === name);
}

/** The keys that are neither revoked nor expired. */
export function loadUsableKeys(db: Queries, now: Date): Promise<ApiKeyRow[]> {
  const isCurrent = or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, instantOf(now)));
  return db.orm((orm) =>
    orm
      .select()
      .from(apiKeys)
      .where(and(isNull(apiKeys.revokedAt), isCurrent)),
  );
}

/** A page of the keys, by the time at which they were made; revoked ones too. */
export function listApiKeys(db: Queries, page: Page): Promise<ApiKeyRow[]> {
  return listPage(db, apiKeys, undefined, [apiKeys.createdAt, apiKeys.id], page);
}

/** Revokes a key; undefined where there is none, and the row as it is where it was revoked before. */
export async function revokeApiKey(db: Queries, id: string, now: Date): Promise<ApiKeyRow | undefined> {
  const revoked = await db.orm((orm) =>
    orm
      .update(apiKeys)
      .set({ revokedAt: instantOf(now) })
      .where(and(eq(apiKeys.id, id), isNull(apiKeys.revokedAt)))
      .returning(),
  );
  if (revoked[0] !== undefined) return revoked[0];
  const [row] = await db.orm((orm) => orm.select().from(apiKeys).where(eq(apiKeys.id, id)));
  return row;
}

/** Writes down when keys were last used; never back in time. */
export async function noteKeysUsed(db: Queries, used: readonly (readonly [string, Date])[]): Promise<void> {
  if (used.length === 0) return;
  await db.query({
    text: `
      update api_keys k set last_used_at = u.at
      from unnest($1::text[], $2::timestamptz[]) as u (id, at)
      where k.id = u.id and (k.last_used_at is null or k.last_used_at < u.at)`,
    values: [used.map(([id]) => id), used.map(([, at]) => at.toISOString())],
  });
}
