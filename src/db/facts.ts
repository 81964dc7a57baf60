// Face matches and compliance alerts: one row each by the vendor's id, holding the latest statement about it. The guard
// in the upsert repeats the rule of `events/decide`, so that two workers with the same id end in the same row whoever
// commits last (guarantee 6).

import type { SQL } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import type { Recorded } from '../events/decide.ts';
import type { ComplianceAlerted, FaceMatched, Fact } from '../events/event.ts';
import { instantOf } from '../events/instant.ts';
import { pipelined, type Queries, type Transaction } from './connect.ts';
import { and, eq, getTableColumns, getTableName, or, sql } from './drizzle.ts';
import { complianceAlerts, faceMatches } from './schema.ts';

export interface FactKey {
  readonly id: string;
  readonly account: string;
}

export interface FactTable<Table extends PgTable = PgTable> {
  readonly table: Table;
  readonly id: PgColumn;
  /** What `fact_versions` calls it. */
  readonly versionKind: string;
}

/** Where the latest statements of each kind stand. */
export const factTables = {
  face_matched: { table: faceMatches, id: faceMatches.matchId, versionKind: 'face_match' },
  compliance_alert: {
    table: complianceAlerts,
    id: complianceAlerts.alertId,
    versionKind: 'compliance_alert',
  },
} as const satisfies Record<Fact['kind'], FactTable>;

export const factKinds = Object.keys(factTables) as readonly Fact['kind'][];

export function factId(fact: Fact): string {
  switch (fact.kind) {
    case 'face_matched':
      return fact.matchId;
    case 'compliance_alert':
      return fact.alertId;
  }
}

/** One text for one face match or alert, for maps and locks. */
export function factKeyText(kind: Fact['kind'], { id, account }: FactKey): string {
  return JSON.stringify([kind, account, id]);
}

/** The row that each id has already, in the order of `keys`; undefined where it has none. */
export async function loadRecordedFacts(
  db: Queries,
  kind: Fact['kind'],
  keys: readonly FactKey[],
): Promise<(Recorded | undefined)[]> {
  if (keys.length === 0) return [];
  const { table, id: idColumn } = factTables[kind];
  const rows = await db.orm((orm) =>
    orm
      .select({
        id: idColumn,
        account: table.account,
        occurredAt: table.occurredAt,
        deliveryId: table.deliveryId,
      })
      .from(table)
      .where(or(...keys.map((key) => and(eq(idColumn, key.id), eq(table.account, key.account))))),
  );
  return keys.map((key) => rows.find((row) => row.id === key.id && row.account === key.account));
}

/** A statement of one account's about a face match or an alert. */
export interface Told<Event> {
  readonly account: string;
  readonly event: Event;
}

/** Writes facts, at most one for each id. Gives those that changed nothing, as their row was newer already. */
export async function recordFacts(
  tx: Transaction,
  facts: readonly Told<Fact>[],
  now: Date,
): Promise<Told<Fact>[]> {
  const late = await pipelined(factKinds.map((kind) => recordOfKind(tx, kind, facts, now)));
  return late.flat();
}

type FactOf<Kind extends Fact['kind']> = Extract<Fact, { readonly kind: Kind }>;

const upserts: {
  readonly [Kind in Fact['kind']]: (
    tx: Transaction,
    told: readonly Told<FactOf<Kind>>[],
    now: Date,
  ) => Promise<FactKey[]>;
} = { face_matched: upsertFaceMatches, compliance_alert: upsertComplianceAlerts };

async function recordOfKind<Kind extends Fact['kind']>(
  tx: Transaction,
  kind: Kind,
  facts: readonly Told<Fact>[],
  now: Date,
): Promise<Told<Fact>[]> {
  const isOfKind = (told: Told<Fact>): told is Told<FactOf<Kind>> => told.event.kind === kind;
  const own = facts.filter(isOfKind);
  if (own.length === 0) return [];
  const written = await upserts[kind](tx, inOrder(own), now);
  return own.filter(({ account, event }) => !isAmong(written, { id: factId(event), account }));
}

function upsertFaceMatches(
  tx: Transaction,
  matches: readonly Told<FaceMatched>[],
  now: Date,
): Promise<FactKey[]> {
  return tx.orm((orm) =>
    orm
      .insert(faceMatches)
      .values(matches.map(({ account, event }) => ({ ...event, account, knownAt: instantOf(now) })))
      .onConflictDoUpdate({
        target: [faceMatches.matchId, faceMatches.account],
        set: excluded(faceMatches),
        setWhere: isNewer(faceMatches.occurredAt, faceMatches.deliveryId),
      })
      .returning({ id: faceMatches.matchId, account: faceMatches.account }),
  );
}

function upsertComplianceAlerts(
  tx: Transaction,
  alerts: readonly Told<ComplianceAlerted>[],
  now: Date,
): Promise<FactKey[]> {
  return tx.orm((orm) =>
    orm
      .insert(complianceAlerts)
      .values(alerts.map(({ account, event }) => ({ ...event, account, knownAt: instantOf(now) })))
      .onConflictDoUpdate({
        target: [complianceAlerts.alertId, complianceAlerts.account],
        set: { ...excluded(complianceAlerts), ...keptByTheSameBytes() },
        setWhere: isNewer(complianceAlerts.occurredAt, complianceAlerts.deliveryId),
      })
      .returning({ id: complianceAlerts.alertId, account: complianceAlerts.account }),
  );
}

/**
 * Keeps those of the statements that are older than the row of their id: they change nothing now, and belong to what is
 * told of the past. To be called when the rows are written.
 */
export async function recordOlderStatements(
  tx: Transaction,
  older: readonly Told<Fact>[],
  now: Date,
): Promise<void> {
  for (const kind of factKinds) {
    const own = older.filter(({ event }) => event.kind === kind);
    if (own.length === 0) continue;
    const { table, id, versionKind } = factTables[kind];
    await tx.query({
      text: `
        insert into fact_versions
          (kind, fact_id, account, delivery_id, session_id, reference_id, known_at, superseded_at, row)
        select $1, i.row->>'${id.name}', i.row->>'account', (i.row->>'delivery_id')::uuid, i.row->>'session_id',
               i.row->>'reference_id', $3, $3, i.row
        from unnest($2::jsonb[]) as i (row)
        join ${getTableName(table)} f on f.${id.name} = i.row->>'${id.name}' and f.account = i.row->>'account'
        where (i.row->>'occurred_at')::timestamptz < f.occurred_at
        on conflict do nothing`,
      values: [versionKind, own.map((told) => JSON.stringify(rowOf(table, told, now))), now.toISOString()],
    });
  }
}

// As the row would be if this statement were the latest, in the columns' names.
function rowOf(table: PgTable, { account, event }: Told<Fact>, now: Date) {
  const values: Record<string, unknown> = { ...event, account, knownAt: instantOf(now) };
  const columns = Object.entries(getTableColumns(table));
  return Object.fromEntries(columns.map(([key, column]) => [column.name, values[key] ?? null]));
}

function isAmong(written: readonly FactKey[], { id, account }: FactKey): boolean {
  return written.some((row) => row.id === id && row.account === account);
}

// Every transaction writes in one order, so that two with the same ids cannot deadlock each other.
function inOrder<Event extends Fact>(facts: readonly Told<Event>[]): Told<Event>[] {
  const keyOf = ({ account, event }: Told<Event>) => JSON.stringify([factId(event), account]);
  return [...facts].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

// Columns that Postgres makes itself cannot be set. What somebody here did about an alert is set to nothing, unless its bytes
// are the same: the newer statement is open again.
function excluded(table: PgTable): Record<string, SQL> {
  const columns = Object.entries(getTableColumns(table)).filter(
    ([, column]) => column.generated === undefined,
  );
  return Object.fromEntries(
    columns.map(([key, column]) => [key, sql`excluded.${sql.identifier(column.name)}`]),
  );
}

// Bytes that are told anew at another time name none: it is the statement that it was, and what was done about it stays.
function keptByTheSameBytes(): Record<string, SQL> {
  const { deliveryId, ...alert } = getTableColumns(complianceAlerts);
  const names = [
    'acknowledgedAt',
    'acknowledgedBy',
    'acknowledgedNote',
    'resolvedAt',
    'resolvedBy',
    'resolvedNote',
  ] as const;
  const isTheSame = sql`exists (
    select from deliveries was join deliveries told on told.body_sha256 = was.body_sha256
    where was.id = ${deliveryId} and told.id = excluded.delivery_id)`;
  return Object.fromEntries(names.map((name) => [name, sql`case when ${isTheSame} then ${alert[name]} end`]));
}

function isNewer(occurredAt: PgColumn, deliveryId: PgColumn): SQL {
  return sql`excluded.occurred_at > ${occurredAt}
    or (excluded.occurred_at = ${occurredAt} and excluded.delivery_id < ${deliveryId})`;
}
