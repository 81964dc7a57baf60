// The tables, as drizzle sees them. The SQL that makes them stands in `migrations/`, is read by hand, and is never
// edited once released; `test/postgres/schema.test.ts` fails when the two disagree. Statements on the hot path are
// hand-written in the file of their table; drizzle builds the queries whose filters vary.
import { sql } from 'drizzle-orm';
import {
  boolean,
  check,
  customType,
  doublePrecision,
  index,
  json,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  unique,
  uuid,
} from 'drizzle-orm/pg-core';
import type { DeliveryId, EventKind, SessionId, Source, Verdict } from '../events/event.ts';
import type { Instant } from '../events/instant.ts';
import type { Confirmation, SessionState } from '../events/session.ts';
import { readTimestamp } from './timestamp.ts';

export const deliveryStates = ['received', 'done', 'ignored', 'parked'] as const;
export type DeliveryState = (typeof deliveryStates)[number];

const bytea = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' });

const instant = customType<{ data: Instant; driverData: string }>({
  dataType: () => 'timestamp (6) with time zone',
  fromDriver: readTimestamp,
});

/** One thing that we were told and stored. Slim: its bytes are in `delivery_bodies`. */
export const deliveries = pgTable(
  'deliveries',
  {
    id: uuid().$type<DeliveryId>().primaryKey(),
    account: text().notNull(),
    source: text().$type<Source>().notNull(),
    webhookId: text('webhook_id'),
    bodySha256: bytea('body_sha256').notNull(),
    receivedAt: instant('received_at').notNull(),
    state: text().$type<DeliveryState>().notNull().default('received'),
    kind: text().$type<EventKind>(),
    vendorKind: text('vendor_kind'),
    sessionId: text('session_id').$type<SessionId>(),
    decision: text(),
    reason: text(),
    detail: text(),
    attempts: smallint().notNull().default(0),
    finishedAt: instant('finished_at'),
    traceId: text('trace_id'),
  },
  (table) => [
    // Deduplication: the same bytes under the same webhook id (or under none) are one delivery.
    unique('deliveries_once').on(table.webhookId, table.bodySha256, table.account).nullsNotDistinct(),
    // The sweep: what is still owed, oldest first.
    index('deliveries_owed').on(table.id).where(sql`state = 'received'`),
    // Operators: what is parked, newest first.
    index('deliveries_parked').on(table.id).where(sql`state = 'parked'`),
    check('deliveries_state', sql`state in ('received', 'done', 'ignored', 'parked')`),
    check('deliveries_source', sql`source in ('webhook', 'pull')`),
  ],
);

/** The exact bytes and the selected headers; partitioned by `received_at`, so that retention drops whole days. */
export const deliveryBodies = pgTable(
  'delivery_bodies',
  {
    deliveryId: uuid('delivery_id').$type<DeliveryId>().notNull(),
    receivedAt: instant('received_at').notNull(),
    headers: json().$type<Readonly<Record<string, string>>>().notNull(),
    body: bytea().notNull(),
  },
  (table) => [primaryKey({ columns: [table.deliveryId, table.receivedAt] })],
);

/** One row a vendor session: what its observations amount to. */
export const sessions = pgTable(
  'sessions',
  {
    sessionId: text('session_id').$type<SessionId>().notNull(),
    account: text().notNull(),
    referenceId: text('reference_id'),
    state: text().$type<SessionState>().notNull(),
    verdict: text().$type<Verdict>(),
    confidence: doublePrecision(),
    verdictAt: instant('verdict_at'),
    confirmation: text().$type<Confirmation>().notNull(),
    expectedAt: instant('expected_at').notNull(),
    settledAt: instant('settled_at'),
    settledBy: uuid('settled_by').$type<DeliveryId>(),
  },
  (table) => [
    primaryKey({ columns: [table.sessionId, table.account] }),
    // GET /v1/sessions: newest first.
    index('sessions_by_age').on(table.expectedAt, table.sessionId, table.account),
    // GET /v1/sessions?reference_id=: one person's sessions, newest first.
    index('sessions_by_reference')
      .on(table.referenceId, table.expectedAt, table.sessionId, table.account)
      .where(sql`reference_id is not null`),
    check('sessions_state', sql`state in ('expected', 'settled', 'disputed')`),
    check('sessions_verdict', sql`verdict in ('pass', 'retry', 'fail')`),
    check('sessions_settled', sql`(state = 'expected') = (verdict is null)`),
  ],
);

/** Append-only: each delivery that stated a verdict, kept beside the others for ever. */
export const observations = pgTable(
  'observations',
  {
    sessionId: text('session_id').$type<SessionId>().notNull(),
    account: text().notNull(),
    deliveryId: uuid('delivery_id').$type<DeliveryId>().notNull(),
    source: text().$type<Source>().notNull(),
    verdict: text().$type<Verdict>().notNull(),
    confidence: doublePrecision(),
    referenceId: text('reference_id'),
    occurredAt: instant('occurred_at').notNull(),
    knownAt: instant('known_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.sessionId, table.account, table.deliveryId] })],
);

export const faceMatches = pgTable(
  'face_matches',
  {
    matchId: text('match_id').notNull(),
    account: text().notNull(),
    deliveryId: uuid('delivery_id').$type<DeliveryId>().notNull(),
    sessionId: text('session_id').$type<SessionId>(),
    referenceId: text('reference_id'),
    faceId: text('face_id'),
    externalFaceId: text('external_face_id'),
    collectionId: text('collection_id'),
    similarity: doublePrecision(),
    threshold: doublePrecision(),
    isMatch: boolean('is_match'),
    occurredAt: instant('occurred_at').notNull(),
    knownAt: instant('known_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.matchId, table.account] }),
    // GET /v1/face-matches: newest first.
    index('face_matches_by_delivery').on(table.deliveryId),
    // GET /v1/face-matches?session_id=
    index('face_matches_by_session').on(table.sessionId, table.deliveryId).where(sql`session_id is not null`),
    // GET /v1/face-matches?reference_id=
    index('face_matches_by_reference')
      .on(table.referenceId, table.deliveryId)
      .where(sql`reference_id is not null`),
  ],
);

export const complianceAlerts = pgTable(
  'compliance_alerts',
  {
    alertId: text('alert_id').notNull(),
    account: text().notNull(),
    deliveryId: uuid('delivery_id').$type<DeliveryId>().notNull(),
    sessionId: text('session_id').$type<SessionId>(),
    referenceId: text('reference_id'),
    severity: text(),
    category: text(),
    message: text(),
    details: jsonb(),
    occurredAt: instant('occurred_at').notNull(),
    knownAt: instant('known_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.alertId, table.account] }),
    // GET /v1/compliance-alerts: newest first.
    index('compliance_alerts_by_delivery').on(table.deliveryId),
    // GET /v1/compliance-alerts?session_id=
    index('compliance_alerts_by_session')
      .on(table.sessionId, table.deliveryId)
      .where(sql`session_id is not null`),
    // GET /v1/compliance-alerts?reference_id=
    index('compliance_alerts_by_reference')
      .on(table.referenceId, table.deliveryId)
      .where(sql`reference_id is not null`),
  ],
);
