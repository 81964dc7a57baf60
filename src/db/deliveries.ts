// The hot statements of `deliveries` after they are recorded: load a batch, finish it, find what is owed. Each takes a whole
// batch at once as arrays. A delivery leaves the state `received` in exactly one statement, `finishDeliveries`, which
// runs in the same transaction as the effect (guarantee 5).
import { hash } from 'node:crypto';
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

// Postgres refuses index entries past 2,700 bytes; an id as long as that is replaced by its hash and stays unique.
const webhookIdLimitChars = 200;

/** An id as a `webhookId` that the index can hold, whatever its length. */
export function boundedWebhookId(id: string): string {
  return id.length <= webhookIdLimitChars ? id : `sha256:${hash('sha256', id)}`;
}

/** The stored header, ours, that names the session a pull asked about. */
export const pulledSessionHeader = 'pulled-session-id';

export interface RecordedDelivery {
  /** The id under which these bytes are stored: an earlier delivery's where they are a repeat. */
  readonly id: DeliveryId;
  readonly isRepeat: boolean;
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

export interface LoadedDelivery extends OwedDelivery {
  /** How long the body is, where it is so large that it has been left where it is. */
  readonly largeBytes: number | null;
}

const largeBodyBytes = 16 * 1024;

// What failed is tried again 20 s later, then after 1, 3, 9 minutes and so on, up to half a day. So whatever held it has had time to
// pass before its tries are spent, and it stands seldom before others. A try that lies ahead of `now` was counted by a clock that
// was ahead. Both are placeholders.
const isDueAt = (time: string, now: string) =>
  `(d.tried_at is null or d.tried_at > ${now} + interval '1 minute'
    or d.tried_at <= ${time} - make_interval(secs => 20 * power(3, least(d.attempts, 8) - 1)))`;

/**
 * Those of the ids that are still owed and due at `now`, in id order, with their bytes but for large bodies, which
 * `loadLargeBodies` loads. What is finished already falls out here.
 */
export function loadOwedDeliveries(
  db: Queries,
  ids: readonly DeliveryId[],
  now: Date,
): Promise<LoadedDelivery[]> {
  return db.query({
    name: 'load-owed-deliveries',
    // The length of a large body stands beside it, and is known without reading it.
    text: `
      select d.id, d.account, d.source, d.received_at as "receivedAt", d.attempts, d.trace_id as "traceId",
             d.body_sha256 as "bodySha256", d.is_proven as "isProven", b.headers,
             case when octet_length(b.body) <= ${largeBodyBytes} then b.body end as body,
             case when octet_length(b.body) > ${largeBodyBytes} then octet_length(b.body) end as "largeBytes"
      from deliveries d
      left join delivery_bodies b on b.delivery_id = d.id and b.received_at = d.received_at
      where d.id = any($1::uuid[]) and d.state = 'received' and ${isDueAt('$2::timestamptz', '$2::timestamptz')}
      order by d.id`,
    values: [ids, now.toISOString()],
  });
}

/** The bodies of these deliveries, by id, but for those that retention has dropped meanwhile. */
export async function loadLargeBodies(
  db: Queries,
  owed: readonly OwedDelivery[],
): Promise<Map<DeliveryId, Buffer>> {
  const rows = await db.query<{ id: DeliveryId; body: Buffer }>({
    name: 'load-large-bodies',
    text: `
      select b.delivery_id as id, b.body
      from unnest($1::uuid[], $2::timestamptz[]) as o (id, received_at)
      join delivery_bodies b on b.delivery_id = o.id and b.received_at = o.received_at`,
    values: [owed.map(({ id }) => id), owed.map(({ receivedAt }) => receivedAt)],
  });
  return new Map(rows.map(({ id, body }) => [id, body]));
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

/**
 * Counts a try that failed for no reason of the database's; the delivery stays owed. Several that found it with the same
 * `attempts` have met the same trouble and count once; one that another worker is trying at this moment is left to it.
 */
export async function countAttempt(
  db: Queries,
  { id, attempts }: { id: DeliveryId; attempts: number },
  detail: string,
  now: Date,
): Promise<void> {
  await db.query({
    text: `
      update deliveries set attempts = attempts + 1, tried_at = $4, detail = $3
      where id = (
        select id from deliveries where id = $1 and attempts = $2 and state = 'received' for update skip locked)`,
    values: [id, attempts, detail, now.toISOString()],
  });
}

/** The oldest `limit` deliveries after `after` that have been owed since before `before` and are due by then, oldest first. */
export async function findOverdueDeliveries(
  db: Queries,
  { before, now, after, limit }: { before: Date; now: Date; after: DeliveryId | null; limit: number },
): Promise<DeliveryId[]> {
  const rows = await db.query<{ id: DeliveryId }>({
    name: 'find-overdue-deliveries',
    text: `
      select d.id from deliveries d
      where d.state = 'received' and d.received_at < $1 and ($2::uuid is null or d.id > $2) and ${isDueAt('$1', '$4::timestamptz')}
      order by d.id limit $3`,
    values: [before.toISOString(), after, limit, now.toISOString()],
  });
  return rows.map((row) => row.id);
}
