// What a replay needs of stored deliveries and of the rows that they have led to: holding deliveries in whatever state
// they are, and what the rows say before and after.
import type { DeliveryId } from '../events/event.ts';
import type { Transaction } from './connect.ts';
import type { OwedDelivery } from './deliveries.ts';
import type { DeliveryState } from './schema.ts';
import type { SessionKey } from './sessions.ts';

export interface StoredDelivery extends OwedDelivery {
  readonly state: DeliveryState;
  readonly kind: string | null;
  readonly reason: string | null;
}

/** The deliveries with their bytes, in id order, held until the transaction ends; waits for who holds them now. */
export function holdDeliveries(tx: Transaction, ids: readonly DeliveryId[]): Promise<StoredDelivery[]> {
  return tx.query({
    name: 'hold-deliveries',
    text: `
      with held as (
        select id, account, source, received_at, attempts, body_sha256, is_proven, state, kind, reason
        from deliveries where id = any($1::uuid[]) order by id for update
      )
      select h.id, h.account, h.source, h.received_at as "receivedAt", h.attempts, h.body_sha256 as "bodySha256",
             h.is_proven as "isProven", h.state, h.kind, h.reason, b.body, b.headers
      from held h left join delivery_bodies b on b.delivery_id = h.id and b.received_at = h.received_at
      order by h.id`,
    values: [ids],
  });
}

/** Which of the sessions have a row, by place in `keys`. */
export async function findSessionRows(tx: Transaction, keys: readonly SessionKey[]): Promise<boolean[]> {
  if (keys.length === 0) return [];
  const rows = await tx.query<{ place: string }>({
    name: 'find-session-rows',
    text: `
      select k.place from unnest($1::text[], $2::text[]) with ordinality as k (session_id, account, place)
      join sessions s on s.session_id = k.session_id and s.account = k.account`,
    values: [keys.map(({ sessionId }) => sessionId), keys.map(({ account }) => account)],
  });
  const present = new Set(rows.map(({ place }) => Number(place)));
  return keys.map((_, index) => present.has(index + 1));
}

/** The rows that a replay may change. */
export interface AffectedRows {
  readonly deliveryIds: readonly DeliveryId[];
  readonly sessions: readonly SessionKey[];
  readonly matches: readonly { readonly id: string; readonly account: string }[];
  readonly alerts: readonly { readonly id: string; readonly account: string }[];
}

export type RowContent = Readonly<Record<string, unknown>>;

export interface SnapshotRow {
  readonly table: string;
  readonly content: RowContent;
}

/** What the rows say at this moment, without tokens. */
export function readRows(
  tx: Transaction,
  { deliveryIds, sessions, matches, alerts }: AffectedRows,
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
      union all
      select 'face_matches', to_jsonb(f) from face_matches f
      join unnest($4::text[], $5::text[]) as k (match_id, account) using (match_id, account)
      union all
      select 'compliance_alerts', to_jsonb(c) from compliance_alerts c
      join unnest($6::text[], $7::text[]) as k (alert_id, account) using (alert_id, account)
      union all
      select 'compliance_alerts', to_jsonb(c) from compliance_alerts c
      join unnest($2::text[], $3::text[]) as k (session_id, account) using (session_id, account)`,
    values: [
      deliveryIds,
      sessions.map(({ sessionId }) => sessionId),
      sessions.map(({ account }) => account),
      matches.map(({ id }) => id),
      matches.map(({ account }) => account),
      alerts.map(({ id }) => id),
      alerts.map(({ account }) => account),
    ],
  });
}
