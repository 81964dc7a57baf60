// The tables, as drizzle sees them. The SQL that makes them stands in `migrations/`, is read by hand, and is never
// edited once released; `test/postgres/schema.test.ts` fails when the two disagree. Statements on the hot path are
// hand-written in the file of their table; drizzle builds the queries whose filters vary.

import {
  type DeliveryId,
  type EventKind,
  type SessionId,
  type Source,
  sources,
  type Verdict,
  verdicts,
} from '../events/event.ts';
import { type Confirmation, type SessionState, sessionStates } from '../events/session.ts';
import { bytea, instant, isOneOf } from './columns.ts';
import {
  boolean,
  check,
  date,
  doublePrecision,
  index,
  json,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  sql,
  text,
  unique,
  uuid,
} from './drizzle.ts';
import {
  complianceAlertLookUps,
  deliveryLookUps,
  faceMatchLookUps,
  sessionLookUps,
} from './schema-look-ups.ts';
import type { Admission } from './schema-operations.ts';

export const deliveryStates = ['received', 'done', 'ignored', 'parked'] as const;
export type DeliveryState = (typeof deliveryStates)[number];

export const endedReasons = [
  'never_finished', // iLive answered after the session's end, or in its last minute, that there is no verdict
  'token_refused', // iLive no longer takes the session's token
  'not_found', // iLive does not know the session
  'unreadable_answer', // iLive's answers could not be read to the end
  'no_token', // we only heard of it, and this dialect answers for no session without its token
  'not_answered', // iLive could not be asked until a day after the session's end
  'not_asked', // no API key is configured, so nobody could ask
] as const;
export type EndedReason = (typeof endedReasons)[number];

export const alertStatuses = ['open', 'acknowledged', 'resolved'] as const;
export type AlertStatus = (typeof alertStatuses)[number];

export type Dialect = 'reference' | 'managed';

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
    /** The day of that in UTC; null for what was recorded before there was this column. */
    receivedOn: date('received_on'),
    state: text().$type<DeliveryState>().notNull().default('received'),
    kind: text().$type<EventKind>(),
    vendorKind: text('vendor_kind'),
    sessionId: text('session_id').$type<SessionId>(),
    decision: text(),
    reason: text(),
    detail: text(),
    attempts: smallint().notNull().default(0),
    /** When it last failed and stayed owed; null for what never did. */
    triedAt: instant('tried_at'),
    finishedAt: instant('finished_at'),
    traceId: text('trace_id'),
    /** False for one that came unsigned: a hint, which only a pull can settle. */
    isProven: boolean('is_proven').notNull().default(true),
    /** What let it in after it had been refused; null for one that came in by the front door. */
    admission: text().$type<Admission>(),
  },
  (table) => [
    // Deduplication: the same bytes under the same webhook id (or under none) are one delivery of a day. The day stands first,
    // so that what comes in goes to one place of the index, however many it holds.
    unique('deliveries_once_a_day')
      .on(table.receivedOn, table.webhookId, table.bodySha256, table.account)
      .nullsNotDistinct(),
    // The sweep: what is still owed, oldest first.
    index('deliveries_owed').on(table.id).where(sql`state = 'received'`),
    // Operators: what is parked, newest first.
    index('deliveries_parked').on(table.id).where(sql`state = 'parked'`),
    ...deliveryLookUps(table),
    check('deliveries_state', isOneOf('state', deliveryStates)),
    check('deliveries_source', isOneOf('source', sources)),
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
    settledSource: text('settled_source').$type<Source>(),
    /** Why the session ended without a verdict. */
    endedReason: text('ended_reason').$type<EndedReason>(),
    /** When it ended without a verdict. */
    endedAt: instant('ended_at'),
    /** When it was created or registered through us; null for one that we only heard of. */
    registeredAt: instant('registered_at'),
    /** The reference id that a registration gave it, where it had none by then. */
    registeredReferenceId: text('registered_reference_id'),
    /** Since when `expectedAt`, `expiresAt` and `registeredReferenceId` have said what they say; see `session_versions`. */
    knownAt: instant('known_at').notNull().default(sql`now()`),
    dialect: text().$type<Dialect>(),
    /** The result token, sealed; it never leaves this column but to be sent to iLive. */
    token: bytea(),
    /** When the vendor forgets the session. */
    expiresAt: instant('expires_at'),
    /** When to ask iLive next; null for never. */
    nextPullAt: instant('next_pull_at'),
    pullAttempts: smallint('pull_attempts').notNull().default(0),
    /** One worker at a time asks; a lease that has run out belonged to one that died. */
    pullLeaseUntil: instant('pull_lease_until'),
    /** Until when somebody waits for the verdict: then iLive is asked sooner and more often. */
    waitedUntil: instant('waited_until'),
    /** When iLive was asked last. */
    pulledAt: instant('pulled_at'),
    /** When iLive was asked last and said that it is not finished. */
    unfinishedAt: instant('unfinished_at'),
  },
  (table) => [
    primaryKey({ columns: [table.sessionId, table.account] }),
    // The pull: sessions to ask about, those asked least often first; those that end soon; those that somebody waits for.
    index('sessions_to_ask').on(table.pullAttempts, table.nextPullAt).where(sql`next_pull_at is not null`),
    index('sessions_ending').on(table.expiresAt).where(sql`next_pull_at is not null`),
    index('sessions_waited_for')
      .on(table.waitedUntil)
      .where(sql`next_pull_at is not null and waited_until is not null`),
    // The end of those that nobody can ask about.
    index('sessions_open').on(table.expiresAt).where(sql`state = 'expected'`),
    // GET /v1/sessions: newest first.
    index('sessions_by_age').on(table.expectedAt, table.sessionId, table.account),
    // GET /v1/sessions?reference_id=: one person's sessions, few enough to be sorted when they are asked for. See 043.
    index('sessions_of_reference').using('hash', table.referenceId).where(sql`reference_id is not null`),
    ...sessionLookUps(table),
    // Subjects as they were known: sessions that a verdict has since given to somebody else; hardly any.
    index('sessions_by_former_reference')
      .on(table.registeredReferenceId)
      .where(sql`registered_reference_id <> reference_id`),
    check('sessions_state', isOneOf('state', sessionStates)),
    check('sessions_verdict', isOneOf('verdict', verdicts)),
    check('sessions_settled', sql`(state in ('settled', 'disputed')) = (verdict is not null)`),
    check('sessions_ended', sql`(state in ('expired', 'unrecoverable')) = (ended_reason is not null)`),
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
  (table) => [
    primaryKey({ columns: [table.sessionId, table.account, table.deliveryId] }),
    // Subjects as they were known: sessions that were ever said to be of one person.
    index('observations_of_reference').using('hash', table.referenceId).where(sql`reference_id is not null`),
  ],
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
    // GET /v1/face-matches?session_id=, and ?reference_id= by way of the sessions.
    index('face_matches_by_session').on(table.sessionId, table.deliveryId).where(sql`session_id is not null`),
    // GET /v1/face-matches?reference_id=
    index('face_matches_by_reference')
      .on(table.referenceId, table.deliveryId)
      .where(sql`reference_id is not null`),
    ...faceMatchLookUps(table),
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
    /** What somebody here did about it; a newer statement of iLive's opens it again. */
    acknowledgedAt: instant('acknowledged_at'),
    acknowledgedBy: text('acknowledged_by'),
    acknowledgedNote: text('acknowledged_note'),
    resolvedAt: instant('resolved_at'),
    resolvedBy: text('resolved_by'),
    resolvedNote: text('resolved_note'),
    status: text()
      .$type<AlertStatus>()
      .notNull()
      .generatedAlwaysAs(
        sql`case when resolved_at is not null then 'resolved' when acknowledged_at is not null then 'acknowledged' else 'open' end`,
      ),
  },
  (table) => [
    primaryKey({ columns: [table.alertId, table.account] }),
    // GET /v1/compliance-alerts?session_id=, and ?reference_id= by way of the sessions.
    index('compliance_alerts_by_session')
      .on(table.sessionId, table.deliveryId)
      .where(sql`session_id is not null`),
    // GET /v1/compliance-alerts?reference_id=
    index('compliance_alerts_by_reference')
      .on(table.referenceId, table.deliveryId)
      .where(sql`reference_id is not null`),
    ...complianceAlertLookUps(table),
  ],
);
