// The hot statements of `deliveries`: record a group, load a batch, finish it, find what is owed. Each takes a whole
// group at once as arrays. A delivery leaves the state `received` in exactly one statement, `finishDeliveries`, which
// runs in the same transaction as the effect (guarantee 5).
import type { DeliveryId, EventKind, SessionId, Source } from '../events/event.ts';
import type { Queries, Transaction } from './connect.ts';
import type { DeliveryState } from './schema.ts';

export interface NewDelivery {
  /** A uuid v7 made at receipt, so that ids sort by time. */
  readonly id: DeliveryId;
  readonly account: string;
  readonly source: Source;
  /** Null where the vendor sent none; then the bytes alone make the delivery unique. */
  readonly webhookId: string | null;
  readonly bodySha256: Buffer;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly receivedAt: Date;
  readonly traceId: string | null;
  /** False for one that came unsigned: a hint, which only a pull can settle. */
  readonly isProven: boolean;
}

const sha256Bytes = 32;
const receivedOn = "(received_at at time zone 'UTC')::date as received_on";
const dayMs = 24 * 60 * 60 * 1000;
/**
 * What is told again within this time, or on the same day (UTC), is a repeat; later it may be a delivery of its own. Far longer
 * than the "short delay" after which iLive tries a second time.
 */
const repeatWindowMs = 60 * 60 * 1000;

/** The stored header, ours, that names the session a pull asked about. */
export const pulledSessionHeader = 'pulled-session-id';

export interface RecordedDelivery {
  /** The id under which these bytes are stored: an earlier delivery's where they are a repeat. */
  readonly id: DeliveryId;
  readonly isRepeat: boolean;
}

/**
 * Stores a group in one statement, which is one commit; answers in the order given. When it returns, the bytes are
 * durable (guarantee 1). A repeat, also of one of the group, stores nothing and answers the first one's id; what comes
 * again days later is stored, and deciding finds that it says nothing new.
 */
export async function recordDeliveries(
  db: Queries,
  group: readonly NewDelivery[],
): Promise<RecordedDelivery[]> {
  // Every process inserts in one order, so that two groups with the same repeats cannot deadlock each other.
  const ordered = withoutRepeats(
    group
      .map((delivery) => ({ delivery, key: onceKey(delivery) }))
      .sort((a, b) => compare(a.key, b.key) || compare(a.delivery.id, b.delivery.id)),
  );
  const looksBeside = ordered.some(({ receivedAt }) => isNearMidnight(receivedAt));
  const repeated = await db.query<{ id: DeliveryId }>({
    name: looksBeside ? 'record-deliveries-near-midnight' : 'record-deliveries',
    text: `
      with given as (
        select id, account, source, webhook_id, substr($3::bytea, hash_at, 32) as body_sha256, received_at, trace_id,
               ${receivedOn}, headers, substr($1::bytea, body_at, body_bytes) as body, is_proven
        from rows from (
          json_array_elements($2::json),
          unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::text[], $10::boolean[], $11::int[],
                 $12::int[], $13::int[])
        ) as g (headers, id, account, source, webhook_id, received_at, trace_id, is_proven, hash_at, body_at, body_bytes)
      ), fresh as (
        insert into deliveries (id, account, source, webhook_id, body_sha256, received_at, received_on, trace_id, is_proven)
        select id, account, source, webhook_id, body_sha256, received_at, received_on, trace_id, is_proven from given g
        ${looksBeside ? `where not exists (${sameDelivery('g', [-1, 1])})` : ''}
        on conflict do nothing
        returning id
      ), bodies as (
        insert into delivery_bodies (delivery_id, received_at, headers, body)
        select id, received_at, headers, body from given join fresh using (id)
      )
      select id from given except select id from fresh`, // mostly none: rows of an answer are read one by one
    values: [
      // The largest first: `pg` makes room for one after another, and what it has outgrown is garbage. As one run of bytes with the
      // places in it: an array of bytes travels as text in hexadecimal, twice escaped.
      Buffer.concat(ordered.map((delivery) => delivery.body)),
      // One text: in an array of texts each quotation mark of theirs would have to be escaped, here and there again.
      JSON.stringify(ordered.map((delivery) => delivery.headers)),
      Buffer.concat(ordered.map((delivery) => delivery.bodySha256)),
      ordered.map((delivery) => delivery.id),
      ordered.map((delivery) => delivery.account),
      ordered.map((delivery) => delivery.source),
      ordered.map((delivery) => delivery.webhookId),
      ordered.map((delivery) => delivery.receivedAt.toISOString()),
      ordered.map((delivery) => delivery.traceId),
      ordered.map((delivery) => delivery.isProven),
      ordered.map((_, index) => index * sha256Bytes + 1),
      placesOf(ordered),
      ordered.map((delivery) => delivery.body.length),
    ],
  });
  const known = new Set(repeated.map((row) => row.id));
  const fresh = new Set(ordered.filter((delivery) => !known.has(delivery.id)));
  const repeats = group.filter((delivery) => !fresh.has(delivery));
  const firsts = repeats.length === 0 ? new Map<string, DeliveryId>() : await findFirsts(db, repeats);
  return group.map((delivery) => {
    if (fresh.has(delivery)) return { id: delivery.id, isRepeat: false };
    const first = firsts.get(onceKey(delivery));
    if (first === undefined) throw new Error(`delivery ${delivery.id} was neither stored nor found`);
    return { id: first, isRepeat: true };
  });
}

// The index lets in one of each day, and the statement that looks beside sees nothing of its own group.
function withoutRepeats(sorted: readonly { delivery: NewDelivery; key: string }[]): NewDelivery[] {
  const days = new Map<string, number[]>();
  return sorted.flatMap(({ delivery, key }) => {
    const day = Math.floor(delivery.receivedAt.getTime() / dayMs);
    const reach = isNearMidnight(delivery.receivedAt) ? 1 : 0;
    const others = days.get(key) ?? [];
    if (others.some((other) => Math.abs(other - day) <= reach)) return [];
    days.set(key, [...others, day]);
    return delivery;
  });
}

function isNearMidnight(at: Date): boolean {
  const sinceMidnightMs = at.getTime() % dayMs;
  return sinceMidnightMs < repeatWindowMs || sinceMidnightMs >= dayMs - repeatWindowMs;
}

// Selects what is the same as `g`, of days that are so far from its own: by the index, which "is not distinct from" would not use.
function sameDelivery(g: string, daysApart: readonly number[]): string {
  const days = daysApart.map((days) => `${g}.received_on + ${days}`).join(', ');
  const select = (webhookId: string) => `
        select d.* from deliveries d where d.received_on = any(array[${days}]) and ${webhookId}
          and d.body_sha256 = ${g}.body_sha256 and d.account = ${g}.account`;
  return `${select(`d.webhook_id = ${g}.webhook_id`)}
        union all ${select(`${g}.webhook_id is null and d.webhook_id is null`)}`;
}

// A second statement and not a part of the first: only a new snapshot sees what a concurrent group has just committed. Also by
// the id itself: what an older version has recorded has no day, and the outage store may bring it again.
async function findFirsts(db: Queries, repeats: readonly NewDelivery[]): Promise<Map<string, DeliveryId>> {
  const rows = await db.query<Pick<NewDelivery, 'id' | 'account' | 'webhookId' | 'bodySha256'>>({
    name: 'find-first-deliveries',
    text: `
      with given as (
        select id, account, webhook_id, body_sha256, ${receivedOn}
        from unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::timestamptz[])
          as g (id, account, webhook_id, body_sha256, received_at)
      )
      select d.id, d.account, d.webhook_id as "webhookId", d.body_sha256 as "bodySha256"
      from given g cross join lateral (
        ${sameDelivery('g', [-1, 0, 1])}
        union all
        select d.* from deliveries d where d.id = g.id
      ) d
      order by d.id desc`, // the first one last, where there are two that lie days apart
    values: [
      repeats.map((delivery) => delivery.id),
      repeats.map((delivery) => delivery.account),
      repeats.map((delivery) => delivery.webhookId),
      repeats.map((delivery) => delivery.bodySha256),
      repeats.map((delivery) => delivery.receivedAt.toISOString()),
    ],
  });
  return new Map(rows.map((row) => [onceKey(row), row.id]));
}

function onceKey(delivery: Pick<NewDelivery, 'account' | 'webhookId' | 'bodySha256'>): string {
  return JSON.stringify([delivery.webhookId, delivery.bodySha256.toString('hex'), delivery.account]);
}

export interface OwedDelivery {
  readonly id: DeliveryId;
  readonly account: string;
  readonly source: Source;
  readonly receivedAt: string;
  readonly attempts: number;
  /** Of the request that brought it, where that had one. */
  readonly traceId: string | null;
  readonly bodySha256: Buffer;
  /** Null when retention has dropped the bytes. */
  readonly body: Buffer | null;
  /** The stored headers, by their lower-case names; null with the body. */
  readonly headers: Readonly<Record<string, string>> | null;
  readonly isProven: boolean;
}

/** Those of the ids that are still owed, in id order, with their bytes. What is finished already falls out here. */
export function loadOwedDeliveries(db: Queries, ids: readonly DeliveryId[]): Promise<OwedDelivery[]> {
  return db.query({
    name: 'load-owed-deliveries',
    text: `
      select d.id, d.account, d.source, d.received_at as "receivedAt", d.attempts, d.trace_id as "traceId",
             d.body_sha256 as "bodySha256", d.is_proven as "isProven", b.body, b.headers
      from deliveries d
      left join delivery_bodies b on b.delivery_id = d.id and b.received_at = d.received_at
      where d.id = any($1::uuid[]) and d.state = 'received'
      order by d.id`,
    values: [ids],
  });
}

/**
 * Takes the ids that are still owed, in id order, for this transaction. One that another worker holds at this moment is
 * left to it: should it fail, the sweep brings the delivery back.
 */
export async function takeDeliveries(tx: Transaction, ids: readonly DeliveryId[]): Promise<Set<DeliveryId>> {
  const rows = await tx.query<{ id: DeliveryId }>({
    name: 'take-deliveries',
    text: `select id from deliveries where id = any($1::uuid[]) and state = 'received' order by id for update skip locked`,
    values: [ids],
  });
  return new Set(rows.map((row) => row.id));
}

export interface FinishedDelivery {
  readonly id: DeliveryId;
  readonly state: Exclude<DeliveryState, 'received'>;
  readonly kind: EventKind;
  readonly vendorKind: string | null;
  readonly sessionId: SessionId | null;
  readonly decision: string;
  readonly reason: string | null;
  readonly detail: string | null;
}

/** Gives deliveries their final state. Only for ids that this transaction has taken. */
export async function finishDeliveries(
  tx: Transaction,
  finished: readonly FinishedDelivery[],
  now: Date,
): Promise<void> {
  await tx.query({
    name: 'finish-deliveries',
    text: `
      update deliveries d
      set state = f.state, kind = f.kind, vendor_kind = f.vendor_kind, session_id = f.session_id,
          decision = f.decision, reason = f.reason, detail = f.detail, finished_at = $9, attempts = d.attempts + 1
      from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
        as f (id, state, kind, vendor_kind, session_id, decision, reason, detail)
      where d.id = f.id`,
    values: [
      finished.map((delivery) => delivery.id),
      finished.map((delivery) => delivery.state),
      finished.map((delivery) => delivery.kind),
      finished.map((delivery) => delivery.vendorKind),
      finished.map((delivery) => delivery.sessionId),
      finished.map((delivery) => delivery.decision),
      finished.map((delivery) => delivery.reason),
      finished.map((delivery) => delivery.detail),
      now.toISOString(),
    ],
  });
}

/** Counts a try that failed for no reason of the database's; the delivery stays owed. */
export async function countAttempt(db: Queries, id: DeliveryId, detail: string): Promise<void> {
  await db.query({
    text: `update deliveries set attempts = attempts + 1, detail = $2 where id = $1 and state = 'received'`,
    values: [id, detail],
  });
}

/** The oldest `limit` deliveries after `after` that have been owed since before `before`, oldest first. */
export async function findOverdueDeliveries(
  db: Queries,
  { before, after, limit }: { before: Date; after: DeliveryId | null; limit: number },
): Promise<DeliveryId[]> {
  const rows = await db.query<{ id: DeliveryId }>({
    name: 'find-overdue-deliveries',
    text: `
      select id from deliveries
      where state = 'received' and received_at < $1 and ($2::uuid is null or id > $2)
      order by id limit $3`,
    values: [before.toISOString(), after, limit],
  });
  return rows.map((row) => row.id);
}

// Counted from one, as SQL does.
function placesOf(group: readonly NewDelivery[]): number[] {
  let next = 1;
  return group.map(({ body }) => {
    const place = next;
    next += body.length;
    return place;
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
