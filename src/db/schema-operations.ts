// The tables of what operators see and do, as drizzle sees them: refusals, replays, keys, secrets, pauses and the audit;
// and those behind our calls to iLive. As with `schema.ts`, the SQL that makes them stands in `migrations/`, and a test fails when the two disagree.

import type { DeliveryId, SessionId } from '../events/event.ts';
import { bytea, instant, isOneOf } from './columns.ts';
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  sql,
  text,
  unique,
  uuid,
} from './drizzle.ts';

export const admissions = ['signature', 'pull'] as const;
/** What proved a refused request after all: its signature, judged anew; or iLive's own answer, which says the same. */
export type Admission = (typeof admissions)[number];

export const roleNames = ['reader', 'operator', 'admin'] as const;
export type RoleName = (typeof roleNames)[number];

export const replayStates = ['running', 'paused', 'cancelled', 'done'] as const;
export type ReplayState = (typeof replayStates)[number];

export const pausables = ['processing', 'pulling'] as const;
export type Pausable = (typeof pausables)[number];

/** A request that did not prove that it came from iLive; kept apart and bounded, so that a wrong refusal can be undone. */
export const refusals = pgTable(
  'refusals',
  {
    id: uuid().primaryKey(),
    account: text().notNull(),
    reason: text().notNull(),
    address: text().notNull(),
    receivedAt: instant('received_at').notNull(),
    /** Of the bytes and of what signs them: the very same request, sent again, is one row. */
    requestSha256: bytea('request_sha256').notNull(),
    /** How often it came. */
    times: integer().notNull().default(1),
    lastReceivedAt: instant('last_received_at').notNull(),
    /** The headers as JSON; sealed, like the body, when `is_sealed`. */
    headers: bytea().notNull(),
    body: bytea().notNull(),
    isSealed: boolean('is_sealed').notNull(),
    bodyBytes: integer('body_bytes').notNull(),
    /** What it takes of the limit in bytes: body and headers as stored. */
    storedBytes: integer('stored_bytes').notNull(),
    diagnosis: jsonb(),
    diagnosedAt: instant('diagnosed_at'),
    /** Names the secrets and settings that the diagnosis was made with: with others it is made anew. */
    diagnosedWith: text('diagnosed_with'),
    /** The delivery that it became; null for one that is still refused. */
    deliveryId: uuid('delivery_id').$type<DeliveryId>(),
    admission: text().$type<Admission>(),
    admittedAt: instant('admitted_at'),
  },
  (table) => [
    unique('refusals_once').on(table.account, table.requestSha256),
    // Making room: the source that fills most of it, oldest first.
    index('refusals_by_source').on(table.account, table.reason, table.address, table.id),
    // The diagnosis: what has none yet.
    index('refusals_undiagnosed').on(table.id).where(sql`diagnosed_at is null and delivery_id is null`),
    check('refusals_admitted', sql`(delivery_id is null) = (admission is null)`),
  ],
);

/** Stored deliveries processed again, as an operator chose; how far it is and what came of it. */
export const replays = pgTable(
  'replays',
  {
    id: uuid().primaryKey(),
    state: text().$type<ReplayState>().notNull(),
    filter: jsonb().notNull(),
    createdAt: instant('created_at').notNull(),
    createdBy: text('created_by').notNull(),
    why: text().notNull(),
    finishedAt: instant('finished_at'),
    /** Deliveries that matched when it was made. */
    matching: integer().notNull(),
    /** The newest delivery that it takes in; what comes later is not replayed. */
    upTo: uuid('up_to').$type<DeliveryId>(),
    /** The last delivery that was replayed: it goes on behind it, whatever happened in between. */
    after: uuid().$type<DeliveryId>(),
    replayed: integer().notNull().default(0),
    failed: integer().notNull().default(0),
    /** Rows created and updated, by table. */
    changes: jsonb().$type<Record<string, { created: number; updated: number }>>().notNull().default({}),
    /** Deliveries by the state that they are in now. */
    outcomes: jsonb().$type<Record<string, number>>().notNull().default({}),
    /** The last thing that went wrong. */
    detail: text(),
    leaseUntil: instant('lease_until'),
  },
  (table) => [
    // The worker: what is to be gone on with.
    index('replays_running').on(table.id).where(sql`state = 'running'`),
    check('replays_state', isOneOf('state', replayStates)),
  ],
);

export const apiKeys = pgTable(
  'api_keys',
  {
    id: text().primaryKey(),
    name: text().notNull(),
    role: text().$type<RoleName>().notNull(),
    /** SHA-256 of the key: it was shown once, and is stored nowhere. */
    sha256: bytea().notNull().unique('api_keys_once'),
    createdAt: instant('created_at').notNull(),
    createdBy: text('created_by').notNull(),
    expiresAt: instant('expires_at'),
    lastUsedAt: instant('last_used_at'),
    revokedAt: instant('revoked_at'),
  },
  () => [check('api_keys_role', isOneOf('role', roleNames))],
);

/** Signing secrets: those of the database, and what is known of those of the environment. */
export const webhookSecrets = pgTable(
  'webhook_secrets',
  {
    account: text().notNull(),
    /** Slowly hashed, so that it names a secret and does not give it away. */
    fingerprint: text().notNull(),
    name: text().notNull(),
    origin: text().$type<'environment' | 'database'>().notNull(),
    /** The secret, sealed; null where no key to seal with was configured. */
    sealed: bytea(),
    addedAt: instant('added_at').notNull(),
    /** From then on it is to go: `finish-rotation` retires it. */
    retiringAt: instant('retiring_at'),
    /** From then on it proves nothing; it only explains. */
    retiredAt: instant('retired_at'),
    lastMatchedAt: instant('last_matched_at'),
  },
  (table) => [
    primaryKey({ columns: [table.account, table.fingerprint] }),
    check('webhook_secrets_origin', sql`origin in ('environment', 'database')`),
  ],
);

/** What an operator has stopped for now. */
export const pauses = pgTable('pauses', {
  what: text().$type<Pausable>().primaryKey(),
  since: instant().notNull(),
  by: text().notNull(),
  why: text().notNull(),
});

/** Append-only: what operators did. Each entry's hash covers it and the entry before. */
export const auditEntries = pgTable('audit_entries', {
  seq: bigint({ mode: 'number' }).primaryKey(),
  at: instant().notNull(),
  actor: text().notNull(),
  role: text().notNull(),
  address: text().notNull(),
  action: text().notNull(),
  why: text().notNull(),
  /** What it was done to and how, as canonical JSON; never a body, a token or a secret. */
  details: text().notNull(),
  rows: integer().notNull(),
  /** `done`, or the code of what went wrong. */
  outcome: text().notNull(),
  /** The encryption key that the hash hangs on; null for a plain hash. */
  keyId: text('key_id'),
  /** The hash of the entry before. */
  previousHash: bytea('previous_hash').notNull(),
  hash: bytea().notNull(),
});

/** The audit's newest entry, so that a missing end shows too. */
export const auditHead = pgTable(
  'audit_head',
  {
    id: smallint().primaryKey(),
    seq: bigint({ mode: 'number' }).notNull(),
    hash: bytea().notNull(),
  },
  () => [check('audit_head_single', sql`id = 1`)],
);

/** What all processes together may still ask of iLive; one row an API key. */
export const rateBudgets = pgTable('rate_budgets', {
  /** SHA-256 of the API key, in hex. */
  id: text().primaryKey(),
  /** The time up to which calls are spent (the theoretical arrival time of GCRA). */
  spentUntil: instant('spent_until').notNull(),
  blockedUntil: instant('blocked_until').notNull(),
  /** The limit that iLive's own headers told; null until then. */
  learntPerMinute: integer('learnt_per_minute'),
});

/** What `POST /v1/sessions` did under an `Idempotency-Key`. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    id: text().primaryKey(),
    requestSha256: bytea('request_sha256').notNull(),
    createdAt: instant('created_at').notNull(),
    /** Null while the request is under way. */
    sessionId: text('session_id').$type<SessionId>(),
    account: text(),
    sessionUrl: text('session_url'),
  },
  // Upkeep: those that are older than a day.
  (table) => [index('idempotency_keys_by_age').on(table.createdAt)],
);
