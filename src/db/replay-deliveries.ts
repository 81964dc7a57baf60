// What a replay needs of stored deliveries and of the rows that they have led to: holding deliveries in whatever state
// they are, and what the rows say before and after.
import type { DeliveryId, Fact } from '../events/event.ts';
import type { Standing } from '../events/session.ts';
import type { Transaction } from './connect.ts';
import type { OwedDelivery } from './deliveries.ts';
import { getTableName } from './drizzle.ts';
import { type FactKey, factKinds, factTables } from './facts.ts';
import type { DeliveryState } from './schema.ts';
import { placesOf, type SessionKey, sessionKeyText } from './sessions.ts';

export interface StoredDelivery extends OwedDelivery {
  readonly state: DeliveryState;
  readonly kind: string | null;
  readonly reason: string | null;
}

/** Holds the deliveries, in id order, until the transaction ends; waits for who holds them now. */
export async function holdDeliveries(tx: Transaction, ids: readonly DeliveryId[]): Promise<void> {
  await tx.query({
    name: 'hold-deliveries',
    // One that is done changes no more, and is left unheld: a hold is a write.
    text: `select from deliveries where id = any($1::uuid[]) and state <> 'done' order by id for update`,
    values: [ids],
  });
}

/** How long their bodies are, by id, without reading them; absent once retention has dropped them. */
export async function findBodyBytes(
  tx: Transaction,
  ids: readonly DeliveryId[],
): Promise<Map<DeliveryId, number>> {
  const rows = await tx.query<{ id: DeliveryId; bytes: number }>({
    name: 'find-body-bytes',
    text: `
      select d.id, octet_length(b.body) as bytes
      from deliveries d
      join delivery_bodies b on b.delivery_id = d.id and b.received_at = d.received_at
      where d.id = any($1::uuid[])`,
    values: [ids],
  });
  return new Map(rows.map(({ id, bytes }) => [id, bytes]));
}

/** The deliveries with their bytes, in id order, whatever their state. */
export function loadDeliveries(tx: Transaction, ids: readonly DeliveryId[]): Promise<StoredDelivery[]> {
  return tx.query({
    name: 'load-deliveries',
    text: `
      select d.id, d.account, d.source, d.received_at as "receivedAt", d.attempts, d.body_sha256 as "bodySha256",
             d.is_proven as "isProven", d.state, d.kind, d.reason, b.body, b.headers
      from deliveries d
      left join delivery_bodies b on b.delivery_id = d.id and b.received_at = d.received_at
      where d.id = any($1::uuid[])
      order by d.id`,
    values: [ids],
  });
}

/** What a session's row says that bears on whether it is to be written again. */
export interface SessionSaid extends SessionKey {
  readonly state: string;
  readonly confirmation: Standing['confirmation'];
  readonly settledBy: DeliveryId | null;
  readonly referenceId: string | null;
  readonly expectedAt: string;
  readonly nextPullAt: string | null;
}

/** Those of the sessions that have a row, by `sessionKeyText`. */
export async function findSessionRows(
  tx: Transaction,
  keys: readonly SessionKey[],
): Promise<Map<string, SessionSaid>> {
  if (keys.length === 0) return new Map();
  const rows = await tx.query<SessionSaid>({
    name: 'find-session-rows',
    text: `
      select s.session_id as "sessionId", s.account, s.state, s.confirmation, s.settled_by as "settledBy",
             s.reference_id as "referenceId", s.expected_at as "expectedAt", s.next_pull_at as "nextPullAt"
      from unnest($1::text[], $2::text[]) as k (session_id, account)
      join sessions s on s.session_id = k.session_id and s.account = k.account`,
    values: placesOf(keys),
  });
  return new Map(rows.map((row) => [sessionKeyText(row), row]));
}

/** Holds the rows of the sessions until the transaction ends, so that no pull changes them meanwhile. */
export async function holdSessionRows(tx: Transaction, keys: readonly SessionKey[]): Promise<void> {
  if (keys.length === 0) return;
  await tx.query({
    name: 'hold-session-rows',
    text: `
      select from sessions s
      join unnest($1::text[], $2::text[]) as k (session_id, account)
        on s.session_id = k.session_id and s.account = k.account
      order by s.session_id, s.account
      for update of s`,
    values: placesOf(keys),
  });
}

/** The rows that a replay may change. */
export interface AffectedRows {
  readonly deliveryIds: readonly DeliveryId[];
  readonly sessions: readonly SessionKey[];
  readonly facts: readonly (FactKey & { readonly kind: Fact['kind'] })[];
}

export type RowContent = Readonly<Record<string, unknown>>;

export interface SnapshotRow {
  readonly table:
    | 'deliveries'
    | 'sessions'
    | 'observations'
    | (typeof factTables)[Fact['kind']]['table']['_']['name'];
  readonly content: RowContent;
}

/** What the rows say at this moment, without tokens. */
export function readRows(
  tx: Transaction,
  { deliveryIds, sessions, facts }: AffectedRows,
): Promise<SnapshotRow[]> {
  return tx.query({
    name: 'read-affected-rows',
    text: `
      select 'deliveries' as table, to_jsonb(d) as content from deliveries d where id = any($1::uuid[])
      union all
      select 'sessions', to_jsonb(s) - 'token' from sessions s
      join unnest($2::text[], $3::text[]) as k (session_id, account) using (session_id, account)
      union all
      select 'observations', to_jsonb(o) from observations o
      join unnest($2::text[], $3::text[]) as k (session_id, account) using (session_id, account)
      ${factKinds.map(selectFacts).join('')}
      union all
      select 'compliance_alerts', to_jsonb(c) from compliance_alerts c
      join unnest($2::text[], $3::text[]) as k (session_id, account) using (session_id, account)`,
    values: [
      deliveryIds,
      ...placesOf(sessions),
      ...factKinds.flatMap((kind) => {
        const own = facts.filter((fact) => fact.kind === kind);
        return [own.map(({ id }) => id), own.map(({ account }) => account)];
      }),
    ],
  });
}

function selectFacts(kind: Fact['kind'], index: number): string {
  const { table, id } = factTables[kind];
  const name = getTableName(table);
  const place = 4 + 2 * index; // behind the deliveries and the sessions
  return `
      union all
      select '${name}', to_jsonb(f) from ${name} f
      join unnest($${place}::text[], $${place + 1}::text[]) as k (${id.name}, account) using (${id.name}, account)`;
}

/** Gives up waiting for anything that is held elsewhere after `ms`, until the savepoint or the transaction ends. */
export async function limitLockWaits(tx: Transaction, ms: number): Promise<void> {
  await tx.query({ text: `select set_config('lock_timeout', $1, true)`, values: [String(ms)] });
}
