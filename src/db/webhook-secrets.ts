// Signing secrets: those that operators have put into the database, sealed, and what is known of those of the environment.
// Rows are never deleted: a retired secret still explains what is signed with it, and can be made to count again.

import { instantOf } from '../events/instant.ts';
import type { Queries, Transaction } from './connect.ts';
import { and, asc, eq, inArray, isNull } from './drizzle.ts';
import { lockNames } from './locks.ts';
import { webhookSecrets } from './schema-operations.ts';

export type SecretRow = typeof webhookSecrets.$inferSelect;

export interface NewSecret {
  readonly account: string;
  readonly fingerprint: string;
  readonly name: string;
  readonly origin: 'environment' | 'database';
  /** Null where no encryption key is configured. */
  readonly sealed: Buffer | null;
}

/** All secrets that were ever known, oldest first. */
export function listSecrets(db: Queries): Promise<SecretRow[]> {
  const { account, addedAt, name } = webhookSecrets;
  return db.orm((orm) => orm.select().from(webhookSecrets).orderBy(asc(account), asc(addedAt), asc(name)));
}

/** Writes down secrets of the environment; one that is known keeps its row, and is sealed if it was not. */
export async function recordSecrets(db: Queries, secrets: readonly NewSecret[], now: Date): Promise<void> {
  if (secrets.length === 0) return;
  await db.query({
    text: `
      insert into webhook_secrets as s (account, fingerprint, name, origin, sealed, added_at)
      select g.*, $6::timestamptz from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[]) g
      order by 1, 2
      on conflict (account, fingerprint) do update set sealed = excluded.sealed
      where s.sealed is null and excluded.sealed is not null`,
    values: [
      secrets.map(({ account }) => account),
      secrets.map(({ fingerprint }) => fingerprint),
      secrets.map(({ name }) => name),
      secrets.map(({ origin }) => origin),
      secrets.map(({ sealed }) => sealed),
      now.toISOString(),
    ],
  });
}

/** Puts another seal on a secret; where its row was sealed anew meanwhile, that stays. */
export async function resealSecret(
  db: Queries,
  { account, fingerprint, sealed }: SecretRow,
  resealed: Buffer,
): Promise<void> {
  await db.query({
    text: `update webhook_secrets set sealed = $4 where account = $1 and fingerprint = $2 and sealed = $3`,
    values: [account, fingerprint, sealed, resealed],
  });
}

/** Adds a secret. One that is known begins anew: that it matched once, in the environment, says nothing of now. */
export async function insertSecret(tx: Transaction, secret: NewSecret, now: Date): Promise<SecretRow> {
  const { account, fingerprint, ...given } = secret;
  const begun = { ...given, addedAt: instantOf(now), retiringAt: null, retiredAt: null, lastMatchedAt: null };
  const [row] = await tx.orm((orm) =>
    orm
      .insert(webhookSecrets)
      .values({ account, fingerprint, ...begun })
      .onConflictDoUpdate({ target: [webhookSecrets.account, webhookSecrets.fingerprint], set: begun })
      .returning(),
  );
  if (row === undefined) throw new Error('an inserted secret is always answered');
  return row;
}

/** Lets a retired secret count again in every process, under the name and the seal given; to go from `retiringAt` on. */
export async function reinstateSecret(
  tx: Transaction,
  { account, fingerprint, name, origin, sealed }: NewSecret,
  retiringAt: Date | null,
): Promise<SecretRow> {
  const set = {
    name,
    origin,
    sealed,
    retiringAt: retiringAt === null ? null : instantOf(retiringAt),
    retiredAt: null,
  };
  const [row] = await tx.orm((orm) =>
    orm
      .update(webhookSecrets)
      .set(set)
      .where(and(eq(webhookSecrets.account, account), eq(webhookSecrets.fingerprint, fingerprint)))
      .returning(),
  );
  if (row === undefined) throw new Error('a secret that is locked is always there');
  return row;
}

/** All the account's secrets, also the retired ones, held until the transaction ends. */
export async function lockSecrets(tx: Transaction, account: string): Promise<SecretRow[]> {
  await lockNames(tx, [`webhook_secrets ${account}`]);
  return tx.orm((orm) =>
    orm.select().from(webhookSecrets).where(eq(webhookSecrets.account, account)).for('update'),
  );
}

/** Says that secrets are to go, or that they no longer count. */
export async function markSecrets(
  tx: Transaction,
  account: string,
  fingerprints: readonly string[],
  mark: { readonly retiringAt: Date } | { readonly retiredAt: Date },
): Promise<void> {
  const set =
    'retiringAt' in mark
      ? { retiringAt: instantOf(mark.retiringAt) }
      : { retiredAt: instantOf(mark.retiredAt) };
  await tx.orm((orm) =>
    orm
      .update(webhookSecrets)
      .set(set)
      .where(
        and(
          eq(webhookSecrets.account, account),
          inArray(webhookSecrets.fingerprint, [...fingerprints]),
          isNull(webhookSecrets.retiredAt),
        ),
      ),
  );
}

export interface Match {
  readonly account: string;
  readonly fingerprint: string;
  readonly at: Date;
}

/** Writes down when secrets last matched; never back in time. */
export async function noteMatches(db: Queries, matches: readonly Match[]): Promise<void> {
  if (matches.length === 0) return;
  await db.query({
    text: `
      update webhook_secrets s set last_matched_at = m.at
      from unnest($1::text[], $2::text[], $3::timestamptz[]) as m (account, fingerprint, at)
      where s.account = m.account and s.fingerprint = m.fingerprint
        and (s.last_matched_at is null or s.last_matched_at < m.at)`,
    values: [
      matches.map(({ account }) => account),
      matches.map(({ fingerprint }) => fingerprint),
      matches.map(({ at }) => at.toISOString()),
    ],
  });
}
