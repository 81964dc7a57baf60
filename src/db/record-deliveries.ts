// Recording a group of deliveries: what makes a delivery the same as another, and the statement behind the promise of a 2xx.
// A group is one statement, which is one commit (guarantee 1), with its rows as arrays.
import type { DeliveryId } from '../events/event.ts';
import type { Queries } from './connect.ts';
import type { NewDelivery, RecordedDelivery } from './deliveries.ts';
import { isUniqueViolation } from './trouble.ts';

const sha256Bytes = 32;
const receivedOn = "(received_at at time zone 'UTC')::date as received_on";
const dayMs = 24 * 60 * 60 * 1000;
/**
 * What is told again within this time, or on the same day (UTC), is a repeat; later it may be a delivery of its own. Far longer
 * than the "short delay" after which iLive tries a second time.
 */
const repeatWindowMs = 60 * 60 * 1000;

/** Groups of fewer, which come while there is little to do, are always asked about first. */
const plainMinDeliveries = 8;
/** For so long after a repeat groups are asked about first: repeats come together, and one that was not is an error in the server's log. */
const carefulForMs = 60_000;

/**
 * `recordDeliveries` for the front door, where most groups hold no repeat: a large one is inserted as if it held none, and again with
 * care where the database refuses it. Asking whether each row is there already is a sixth of what recording costs it, see 044.
 */
export function createRecorder(
  db: Queries,
  now: () => Date,
): (group: readonly NewDelivery[]) => Promise<RecordedDelivery[]> {
  let carefulUntilMs = 0;
  return async (group) => {
    const ordered = orderOf(group);
    const isPlain =
      group.length >= plainMinDeliveries &&
      ordered.length === group.length &&
      now().getTime() >= carefulUntilMs &&
      !ordered.some(isNearMidnight);
    if (isPlain && (await insertFresh(db, ordered))) {
      return group.map(({ id }) => ({ id, isRepeat: false }));
    }
    const recorded = await recordOrdered(db, group, ordered);
    if (recorded.some(({ isRepeat }) => isRepeat)) carefulUntilMs = now().getTime() + carefulForMs;
    return recorded;
  };
}

/**
 * Stores a group in one statement, which is one commit; answers in the order given. When it returns, the bytes are
 * durable (guarantee 1). A repeat, also of one of the group, stores nothing and answers the first one's id; what comes
 * again days later is stored, and deciding finds that it says nothing new.
 */
export function recordDeliveries(db: Queries, group: readonly NewDelivery[]): Promise<RecordedDelivery[]> {
  return recordOrdered(db, group, orderOf(group));
}

// Every process inserts in one order, so that two groups with the same repeats cannot deadlock each other.
function orderOf(group: readonly NewDelivery[]): NewDelivery[] {
  return withoutRepeats(
    group
      .map((delivery) => ({ delivery, key: onceKey(delivery) }))
      .sort((a, b) => compare(a.key, b.key) || compare(a.delivery.id, b.delivery.id)),
  );
}

const given = `
        select id, account, source, webhook_id, substr($3::bytea, hash_at, 32) as body_sha256, received_at, trace_id,
               ${receivedOn}, headers, substr($1::bytea, body_at, body_bytes) as body, is_proven
        from rows from (
          json_array_elements($2::json),
          unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::text[], $10::boolean[], $11::int[],
                 $12::int[], $13::int[])
        ) as g (headers, id, account, source, webhook_id, received_at, trace_id, is_proven, hash_at, body_at, body_bytes)`;
const insertGiven = `
        insert into deliveries (id, account, source, webhook_id, body_sha256, received_at, received_on, trace_id, is_proven)
        select id, account, source, webhook_id, body_sha256, received_at, received_on, trace_id, is_proven from given g`;
const insertBodies = `
        insert into delivery_bodies (delivery_id, received_at, headers, body)
        select id, received_at, headers, body from given`;

function valuesOf(ordered: readonly NewDelivery[]): unknown[] {
  return [
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
    ordered.map((delivery) => delivery.receivedAt),
    ordered.map((delivery) => delivery.traceId),
    ordered.map((delivery) => delivery.isProven),
    ordered.map((_, index) => index * sha256Bytes + 1),
    placesOf(ordered),
    ordered.map((delivery) => delivery.body.length),
  ];
}

// All of them or, where one is there already, none: then it answers false.
async function insertFresh(db: Queries, ordered: readonly NewDelivery[]): Promise<boolean> {
  try {
    await db.query({
      name: 'insert-fresh-deliveries',
      text: `with given as (${given}), fresh as (${insertGiven}) ${insertBodies}`,
      values: valuesOf(ordered),
    });
    return true;
  } catch (error) {
    if (isUniqueViolation(error)) return false;
    throw error;
  }
}

async function recordOrdered(
  db: Queries,
  group: readonly NewDelivery[],
  ordered: readonly NewDelivery[],
): Promise<RecordedDelivery[]> {
  const looksBeside = ordered.some(isNearMidnight);
  const repeated = await db.query<{ id: DeliveryId }>({
    name: looksBeside ? 'record-deliveries-near-midnight' : 'record-deliveries',
    text: `
      with given as (${given}), fresh as (${insertGiven}
        ${looksBeside ? `where not exists (${sameDelivery([-1, 1])})` : ''}
        on conflict do nothing
        returning id
      ), bodies as (${insertBodies} join fresh using (id))
      select id from given except select id from fresh`, // mostly none: rows of an answer are read one by one
    values: valuesOf(ordered),
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
    const reach = isNearMidnight(delivery) ? 1 : 0;
    const others = days.get(key) ?? [];
    if (others.some((other) => Math.abs(other - day) <= reach)) return [];
    days.set(key, [...others, day]);
    return delivery;
  });
}

function isNearMidnight({ receivedAt }: NewDelivery): boolean {
  const sinceMidnightMs = receivedAt.getTime() % dayMs;
  return sinceMidnightMs < repeatWindowMs || sinceMidnightMs >= dayMs - repeatWindowMs;
}

// Selects what is the same as `g`, of days that are so far from its own: by the index, which "is not distinct from" would not use.
function sameDelivery(daysApart: readonly number[]): string {
  const days = daysApart.map((days) => `g.received_on + ${days}`).join(', ');
  const select = (webhookId: string) => `
        select d.* from deliveries d where d.received_on = any(array[${days}]) and ${webhookId}
          and d.body_sha256 = g.body_sha256 and d.account = g.account`;
  return `${select('d.webhook_id = g.webhook_id')}
        union all ${select('g.webhook_id is null and d.webhook_id is null')}`;
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
        ${sameDelivery([-1, 0, 1])}
        union all
        select d.* from deliveries d where d.id = g.id
      ) d
      order by d.id desc`, // the first one last, where there are two that lie days apart
    values: [
      repeats.map((delivery) => delivery.id),
      repeats.map((delivery) => delivery.account),
      repeats.map((delivery) => delivery.webhookId),
      repeats.map((delivery) => delivery.bodySha256),
      repeats.map((delivery) => delivery.receivedAt),
    ],
  });
  return new Map(rows.map((row) => [onceKey(row), row.id]));
}

function onceKey(delivery: Pick<NewDelivery, 'account' | 'webhookId' | 'bodySha256'>): string {
  return JSON.stringify([delivery.webhookId, delivery.bodySha256.toString('hex'), delivery.account]);
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
