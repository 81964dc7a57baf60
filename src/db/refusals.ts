// The refused requests that are kept. What bounds them stands in one place, `recordRefusals`: it adds and makes room in
// one transaction, one receiver at a time, so that the limits hold whatever comes. Headers and bodies arrive here as
// they are to be stored, sealed or not.

import type { DeliveryId } from '../events/event.ts';
import { instantOf } from '../events/instant.ts';
import type { Database, Queries, Transaction } from './connect.ts';
import { eq, sql } from './drizzle.ts';
import { conditionOf, type RefusalFilter } from './find-refusals.ts';
import { isKnownSql, knownShare, networkSql, rowBytes } from './refusal-source.ts';
import { type Admission, refusals } from './schema-operations.ts';

export interface NewRefusal {
  readonly id: string;
  readonly account: string;
  readonly reason: string;
  readonly address: string;
  readonly receivedAt: Date;
  readonly lastReceivedAt: Date;
  readonly requestSha256: Buffer;
  readonly times: number;
  readonly headers: Buffer;
  readonly body: Buffer;
  readonly isSealed: boolean;
  readonly bodyBytes: number;
}

export interface RefusalLimits {
  readonly maxCount: number;
  readonly maxBytes: number;
}

// Room is made for more than is needed, so that a flood has it made every few seconds and not with every group.
const keptShare = 0.95;
// What the column of times holds. Were one more an error, the rest of its group would wait for ever.
const timesMax = 2 ** 31 - 1;
// A statement has room for 65,535 parameters, and a row takes 13.
const insertedAtOnce = 1_000;

/** Keeps the group, and lets go of what is past the limits: of the source with the most its oldest, one after another. */
export async function recordRefusals(
  db: Database,
  group: readonly NewRefusal[],
  limits: RefusalLimits,
): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.query({ text: `select pg_advisory_xact_lock(hashtext('refusals'))` });
    for (let from = 0; from < group.length; from += insertedAtOnce) {
      await insertRefusals(tx, group.slice(from, from + insertedAtOnce));
    }
    const over = await lookForOver(tx, limits);
    if (over !== 'none') await makeRoom(tx, limits, over);
  });
}

async function insertRefusals(tx: Transaction, group: readonly NewRefusal[]): Promise<void> {
  await tx.orm((orm) =>
    orm
      .insert(refusals)
      .values(
        group.map((refusal) => ({
          ...refusal,
          receivedAt: instantOf(refusal.receivedAt),
          lastReceivedAt: instantOf(refusal.lastReceivedAt),
          storedBytes: refusal.headers.length + refusal.body.length,
        })),
      )
      .onConflictDoUpdate({
        target: [refusals.account, refusals.requestSha256],
        set: {
          times: sql`least(${refusals.times}::bigint + excluded.times, ${timesMax})`,
          lastReceivedAt: sql`greatest(${refusals.lastReceivedAt}, excluded.last_received_at)`,
        },
      }),
  );
}

interface Held {
  readonly count: string;
  readonly bytes: string | null;
  /** Those of known accounts that are still refused. */
  readonly knownCount: string;
  readonly knownBytes: string | null;
}

async function lookForOver(
  tx: Transaction,
  { maxCount, maxBytes }: RefusalLimits,
): Promise<'none' | 'known' | 'all'> {
  const [held] = await tx.query<Held>({
    name: 'measure-refusals',
    text: `
      select count(*), sum(stored_bytes) as bytes,
             count(*) filter (where is_known) as "knownCount", sum(stored_bytes) filter (where is_known) as "knownBytes"
      from (select stored_bytes, delivery_id is null and ${isKnownSql} as is_known from refusals) r`,
  });
  const isPast = (count: unknown, bytes: unknown, share: number) =>
    Number(count) > maxCount * share || Number(bytes) > maxBytes * share;
  if (isPast(held?.knownCount, held?.knownBytes, knownShare)) return 'known';
  return isPast(held?.count, held?.bytes, 1) ? 'all' : 'none';
}

// First those of known accounts, up to their share; then those of accounts that anybody can have made up; and what was admitted,
// which is a delivery by now, where room is left. Among each, every source keeps its newest, all sources up to one level, and the
// level falls until everything fits: the source with the most gives first.
async function makeRoom(
  tx: Transaction,
  { maxCount, maxBytes }: RefusalLimits,
  over: 'known' | 'all',
): Promise<void> {
  // Known ones give only where there are too many of them.
  const knownKeptShare = over === 'known' ? knownShare * keptShare : knownShare;
  await tx.query({
    text: `
      with ranked as (
        select id, stored_bytes, account, reason, ${networkSql} as network,
               case when delivery_id is not null then 'admitted' when ${isKnownSql} then 'known' else 'other' end as kind
        from refusals
      ), leveled as (
        select id, stored_bytes, kind, array_position(array['known', 'other'], kind) as rank,
               sum(stored_bytes + $1) over (
                 partition by kind, case when kind = 'known' then account end, case when kind = 'known' then reason end, network
                 order by id desc
               ) as level
        from ranked
      ), shared as (
        select *, sum(stored_bytes) over place as kind_bytes, row_number() over place as kind_count
        from leveled window place as (partition by kind order by level, id desc)
      ), filled as (
        select id, sum(stored_bytes) over place as bytes, row_number() over place as count
        from shared where kind <> 'known' or (kind_bytes <= $4 and kind_count <= $5)
        window place as (order by rank, level, id desc)
      )
      delete from refusals r
      where not exists (select from filled f where f.id = r.id and f.bytes <= $2 and f.count <= $3)`,
    values: [
      rowBytes,
      ...[keptShare, knownKeptShare].flatMap((share) => [
        Math.floor(maxBytes * share),
        Math.floor(maxCount * share),
      ]),
    ],
  });
}

/** Lets go of at most `limit` that are older than `before`; answers how many. Ids sort by the time of receipt. */
export async function dropOldRefusals(db: Queries, before: Date, limit: number): Promise<number> {
  const rows = await db.query({
    text: `with oldest as (select id, received_at from refusals order by id limit $2)
           delete from refusals r using oldest o where r.id = o.id and o.received_at < $1 returning r.id`,
    values: [before.toISOString(), limit],
  });
  return rows.length;
}

/** Holds those of the ids that are still refused until the transaction ends, and answers which. */
export async function takeRefusals(tx: Transaction, ids: readonly string[]): Promise<Set<string>> {
  const rows = await tx.query<{ id: string }>({
    text: `select id from refusals where id = any($1::uuid[]) and delivery_id is null order by id for update`,
    values: [ids],
  });
  return new Set(rows.map(({ id }) => id));
}

/** Writes down a diagnosis and the name of what it was made with. */
export async function recordDiagnosis(
  db: Queries,
  id: string,
  { diagnosis, made, now }: { readonly diagnosis: unknown; readonly made: string; readonly now: Date },
): Promise<void> {
  await db.orm((orm) =>
    orm
      .update(refusals)
      .set({ diagnosis, diagnosedAt: instantOf(now), diagnosedWith: made })
      .where(eq(refusals.id, id)),
  );
}

export interface AdmittedRefusal {
  readonly id: string;
  readonly deliveryId: DeliveryId;
}

/** Marks refusals as admitted, and the deliveries that they have become with what proved them. */
export async function markAdmitted(
  tx: Transaction,
  admitted: readonly AdmittedRefusal[],
  { admission, now }: { readonly admission: Admission; readonly now: Date },
): Promise<void> {
  if (admitted.length === 0) return;
  await tx.query({
    text: `
      update refusals r set delivery_id = a.delivery_id, admission = $3, admitted_at = $4
      from unnest($1::uuid[], $2::uuid[]) as a (id, delivery_id) where r.id = a.id`,
    values: [
      admitted.map(({ id }) => id),
      admitted.map(({ deliveryId }) => deliveryId),
      admission,
      now.toISOString(),
    ],
  });
}

/** Writes down on new deliveries that they were refused at first, and what let them in. */
export async function markDeliveriesAdmitted(
  tx: Transaction,
  ids: readonly DeliveryId[],
  admission: Admission,
): Promise<void> {
  if (ids.length === 0) return;
  await tx.query({
    text: `update deliveries set admission = $2 where id = any($1::uuid[])`,
    values: [ids, admission],
  });
}

/** Removes what matches; answers how many. */
export async function dropRefusals(db: Queries, filter: RefusalFilter): Promise<number> {
  const rows = await db.orm((orm) =>
    orm.delete(refusals).where(conditionOf(filter)).returning({ id: refusals.id }),
  );
  return rows.length;
}
