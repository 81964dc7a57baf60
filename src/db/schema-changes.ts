// The tables behind the change feed and the questions about the past, as drizzle sees them. As with `schema.ts`, the SQL that
// makes them stands in `migrations/`, and a test fails when the two disagree. Triggers write `changes` and `fact_versions`, so
// that no statement can change a row and forget to say so.

import type { DeliveryId, SessionId } from '../events/event.ts';
import { instant, transactionId } from './columns.ts';
import {
  bigint,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  sql,
  text,
  uuid,
} from './drizzle.ts';
import type { EndedReason } from './schema.ts';

export const changeTypes = [
  'session_settled', // a session has its verdict, or another one, or is now known to be another person's
  'session_confirmed', // a second source agrees
  'session_disputed', // two statements contradict each other
  'session_expired', // over, and nobody finished it
  'session_unrecoverable', // iLive does not tell us
  'face_match_recorded',
  'compliance_alert_recorded',
  'compliance_alert_acknowledged',
  'compliance_alert_resolved',
] as const;
export type ChangeType = (typeof changeTypes)[number];

/**
 * What has changed, once each, for readers that must skip nothing. Numbers are given before transactions commit, so the
 * order is that of the transactions' ids, and only what lies below the oldest one that still runs is shown.
 */
export const changes = pgTable(
  'changes',
  {
    generation: integer().notNull(),
    xid: transactionId().notNull().default(sql`pg_current_xact_id()`),
    seq: bigint({ mode: 'number' }).notNull().generatedAlwaysAsIdentity(),
    type: text().$type<ChangeType>().notNull(),
    /** By the database's clock. */
    at: instant().notNull().default(sql`clock_timestamp()`),
    account: text().notNull(),
    sessionId: text('session_id').$type<SessionId>(),
    referenceId: text('reference_id'),
    /** What the row said then. */
    data: jsonb().$type<Readonly<Record<string, unknown>>>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.generation, table.xid, table.seq] })],
);

/** One row: which generation of transaction ids this is, and up to where old changes were dropped. */
export const changeFeed = pgTable(
  'change_feed',
  {
    id: smallint().primaryKey(),
    /** A server may give ids of transactions that were given before; then this goes up by one, and the order holds. */
    generation: integer().notNull(),
    /** Postgres' timeline when something was last written; null for a server that names none. */
    timeline: text(),
    droppedGeneration: integer('dropped_generation').notNull().default(0),
    droppedXid: transactionId('dropped_xid').notNull().default(sql`'0'`),
    droppedSeq: bigint('dropped_seq', { mode: 'number' }).notNull().default(0),
  },
  () => [check('change_feed_single', sql`id = 1`)],
);

/** Append-only: each time that a session ended without a verdict, also where it was expected again or settled later. */
export const sessionEndings = pgTable(
  'session_endings',
  {
    sessionId: text('session_id').$type<SessionId>().notNull(),
    account: text().notNull(),
    endedAt: instant('ended_at').notNull(),
    state: text().$type<'expired' | 'unrecoverable'>().notNull(),
    reason: text().$type<EndedReason>().notNull(),
    /** When it was registered again, and so expected again. */
    reopenedAt: instant('reopened_at'),
  },
  (table) => [primaryKey({ columns: [table.sessionId, table.account, table.endedAt] })],
);

/** What a session's row said of itself before it was registered again, or before an earlier mention of it was processed. */
export const sessionVersions = pgTable(
  'session_versions',
  {
    sessionId: text('session_id').$type<SessionId>().notNull(),
    account: text().notNull(),
    knownAt: instant('known_at').notNull(),
    expectedAt: instant('expected_at').notNull(),
    expiresAt: instant('expires_at'),
    registeredReferenceId: text('registered_reference_id'),
  },
  (table) => [primaryKey({ columns: [table.sessionId, table.account, table.knownAt] })],
);

/**
 * The statements about face matches and alerts that are not the latest: those that a newer one took the place of, and
 * those that came when a newer one was there already.
 */
export const factVersions = pgTable(
  'fact_versions',
  {
    kind: text().$type<'face_match' | 'compliance_alert'>().notNull(),
    factId: text('fact_id').notNull(),
    account: text().notNull(),
    deliveryId: uuid('delivery_id').$type<DeliveryId>().notNull(),
    sessionId: text('session_id').$type<SessionId>(),
    referenceId: text('reference_id'),
    knownAt: instant('known_at').notNull(),
    /** The same as `knownAt` for one that came too late. */
    supersededAt: instant('superseded_at').notNull(),
    /** The whole row as it was. */
    row: jsonb().$type<Readonly<Record<string, unknown>>>().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.kind, table.factId, table.account, table.deliveryId] }),
    // Subjects as they were known: what was said of one person's facts. GET /v1/deliveries?reference_id=
    index('fact_versions_by_reference')
      .on(table.referenceId, table.knownAt)
      .where(sql`reference_id is not null`),
    // Sessions as they were known.
    index('fact_versions_by_session').on(table.sessionId, table.knownAt).where(sql`session_id is not null`),
  ],
);
