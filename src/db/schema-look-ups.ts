// The indexes behind what lists are filtered and sorted by, beside those that the tables need for their own work. Each
// costs a write for each row that it holds, on the path of every delivery. So what is common in a column has no index: it is
// found quickly on the way through the list's own order, and the partial indexes here hold what is rare.

import type { SQL } from 'drizzle-orm';
import type { ExtraConfigColumn } from 'drizzle-orm/pg-core';
import { index, sql } from './drizzle.ts';

/** What iLive calls a verdict, and what else we take for that name: most of what comes in. */
export const commonVendorKinds = [
  'liveness.verdict',
  'session.completed',
  'liveness.session.completed',
  'session_completed',
  'liveness.completed',
] as const;

const isRareVendorKind = sql.raw(`vendor_kind not in ('${commonVendorKinds.join("', '")}')`);

type Columns<Name extends string> = Readonly<Record<Name, ExtraConfigColumn>>;

type DeliveryColumn =
  | 'id'
  | 'account'
  | 'sessionId'
  | 'reason'
  | 'kind'
  | 'vendorKind'
  | 'decision'
  | 'admission'
  | 'traceId';

/** GET /v1/deliveries goes by ids, which sort by time. */
export function deliveryLookUps(table: Columns<DeliveryColumn>) {
  const { id } = table;
  return [
    // By equality alone: the few of a session are sorted when they are asked for. Those that settled it, which are most, are
    // found by way of `observations`. See 043.
    index('deliveries_of_a_session')
      .using('hash', table.sessionId)
      .where(sql`session_id is not null and decision <> 'settle'`),
    partial('deliveries_ignored', sql`state = 'ignored'`, id),
    partial('deliveries_by_reason', sql`reason is not null`, table.reason, id),
    partial('deliveries_by_kind', sql`kind <> 'session_completed'`, table.kind, id),
    partial('deliveries_by_rare_vendor_kind', isRareVendorKind, table.vendorKind, id),
    partial('deliveries_by_decision', sql`decision <> 'settle'`, table.decision, id),
    partial('deliveries_pulled', sql`source = 'pull'`, id),
    partial('deliveries_by_account', sql`account <> 'default'`, table.account, id),
    partial('deliveries_by_admission', sql`admission is not null`, table.admission, id),
    partial('deliveries_by_trace', sql`trace_id is not null`, table.traceId, id),
  ];
}

type SessionColumn =
  | 'sessionId'
  | 'account'
  | 'expectedAt'
  | 'settledAt'
  | 'verdictAt'
  | 'state'
  | 'verdict'
  | 'confirmation'
  | 'endedReason';

/** GET /v1/sessions goes by `expected_at` (`sessions_by_age`), or by other times, which rise as rows come. */
export function sessionLookUps(table: Columns<SessionColumn>) {
  const { sessionId, account, expectedAt, settledAt, verdictAt } = table;
  const byAge = [expectedAt, sessionId, account] as const;
  const bySettling = [settledAt, sessionId, account] as const;
  const byVerdict = [verdictAt, sessionId, account] as const;
  return [
    partial('sessions_by_state', sql`state <> 'settled'`, table.state, ...byAge),
    partial('sessions_by_verdict', sql`verdict <> 'pass'`, table.verdict, ...byAge),
    partial('sessions_by_confirmation', sql`confirmation <> 'unconfirmed'`, table.confirmation, ...byAge),
    partial(
      'sessions_by_confirmation_and_settled_at',
      sql`confirmation <> 'unconfirmed'`,
      table.confirmation,
      ...bySettling,
    ),
    partial(
      'sessions_by_confirmation_and_verdict_at',
      sql`confirmation <> 'unconfirmed'`,
      table.confirmation,
      ...byVerdict,
    ),
    partial('sessions_pulled', sql`settled_source = 'pull'`, ...byAge),
    partial('sessions_pulled_by_settled_at', sql`settled_source = 'pull'`, ...bySettling),
    partial('sessions_pulled_by_verdict_at', sql`settled_source = 'pull'`, ...byVerdict),
    partial('sessions_by_account', sql`account <> 'default'`, account, expectedAt, sessionId),
    partial('sessions_by_ended_reason', sql`ended_reason is not null`, table.endedReason, ...byAge),
    partial('sessions_by_settled_at', sql`settled_at is not null`, ...bySettling),
    partial('sessions_by_verdict_at', sql`verdict_at is not null`, ...byVerdict),
  ];
}

type FactColumn = 'account' | 'knownAt' | 'occurredAt' | 'deliveryId';

/** GET /v1/face-matches goes by `known_at`, or by iLive's time. */
export function faceMatchLookUps(table: Columns<FactColumn | 'faceId' | 'externalFaceId' | 'collectionId'>) {
  const { knownAt, occurredAt, deliveryId } = table;
  const byAge = [knownAt, deliveryId] as const;
  return [
    index('face_matches_by_known_at').on(...byAge),
    index('face_matches_by_occurred_at').on(occurredAt, deliveryId),
    partial('face_matches_by_face', sql`face_id is not null`, table.faceId, ...byAge),
    partial(
      'face_matches_by_external_face',
      sql`external_face_id is not null`,
      table.externalFaceId,
      ...byAge,
    ),
    partial('face_matches_by_collection', sql`collection_id is not null`, table.collectionId, ...byAge),
    partial('face_matches_by_account', sql`account <> 'default'`, table.account, ...byAge),
    partial('face_matches_that_match_not', sql`not is_match`, ...byAge),
  ];
}

/** GET /v1/compliance-alerts goes by `known_at`, or by iLive's time. */
export function complianceAlertLookUps(table: Columns<FactColumn | 'severity' | 'category' | 'status'>) {
  const { knownAt, occurredAt, deliveryId } = table;
  const byAge = [knownAt, deliveryId] as const;
  return [
    index('compliance_alerts_by_known_at').on(...byAge),
    index('compliance_alerts_by_occurred_at').on(occurredAt, deliveryId),
    partial('compliance_alerts_by_severity', sql`severity is not null`, table.severity, ...byAge),
    partial('compliance_alerts_by_category', sql`category is not null`, table.category, ...byAge),
    index('compliance_alerts_by_status').on(table.status, ...byAge),
    partial('compliance_alerts_by_account', sql`account <> 'default'`, table.account, ...byAge),
  ];
}

type Indexed = [ExtraConfigColumn, ...ExtraConfigColumn[]];

function partial(name: string, condition: SQL, ...columns: Indexed) {
  return index(name)
    .on(...columns)
    .where(condition);
}
