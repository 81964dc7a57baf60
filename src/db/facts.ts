// Face matches and compliance alerts: one row each by the vendor's id, holding the latest statement about it. The guard
// in the upsert repeats the rule of `events/decide`, so that two workers with the same id end in the same row whoever
// commits last (guarantee 6).

import type { SQL } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import type { Recorded } from '../events/decide.ts';
import type { ComplianceAlerted, FaceMatched } from '../events/event.ts';
import { instantOf } from '../events/instant.ts';
import type { Queries, Transaction } from './connect.ts';
import { and, eq, getTableColumns, getTableName, or, sql } from './drizzle.ts';
import { complianceAlerts, faceMatches } from './schema.ts';

export interface FactKey {
  readonly id: string;
  readonly account: string;
}

/** One text for one face match or alert, for maps and locks. */
export function factKeyText(kind: 'face_matched' | 'compliance_alert', { id, account }: FactKey): string {
  return JSON.stringify([kind, account, id]);
}

/** The row that each id has already, in the order of `keys`; undefined where it has none. */
export async function loadRecordedFacts(
  db: Queries,
  kind: 'face_matched' | 'compliance_alert',
  keys: readonly FactKey[],
): Promise<(Recorded | undefined)[]> {
  if (keys.length === 0) return [];
  const [table, idColumn] =
    kind === 'face_matched'
      ? ([faceMatches, faceMatches.matchId] as const)
      : ([complianceAlerts, complianceAlerts.alertId] as const);
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

/** Writes face matches, at most one for each id. Gives those that changed nothing, as their row was newer already. */
export async function recordFaceMatches<T extends Told<FaceMatched>>(
  tx: Transaction,
  matches: readonly T[],
  now: Date,
): Promise<T[]> {
  if (matches.length === 0) return [];
  const written = await tx.orm((orm) =>
    orm
      .insert(faceMatches)
      .values(
        inOrder(matches, (event) => event.matchId).map(({ account, event }) => ({
          ...event,
          account,
          knownAt: instantOf(now),
        })),
      )
      .onConflictDoUpdate({
        target: [faceMatches.matchId, faceMatches.account],
        set: excluded(faceMatches),
        setWhere: isNewer(faceMatches.occurredAt, faceMatches.deliveryId),
      })
      .returning({ id: faceMatches.matchId, account: faceMatches.account }),
  );
  return matches.filter(({ account, event }) => !isAmong(written, { id: event.matchId, account }));
}

/** Writes compliance alerts, at most one for each id. Gives those that changed nothing, as their row was newer already. */
export async function recordComplianceAlerts<T extends Told<ComplianceAlerted>>(
  tx: Transaction,
  alerts: readonly T[],
  now: Date,
): Promise<T[]> {
  if (alerts.length === 0) return [];
  const written = await tx.orm((orm) =>
    orm
      .insert(complianceAlerts)
      .values(
        inOrder(alerts, (event) => event.alertId).map(({ account, event }) => ({
          ...event,
          account,
          knownAt: instantOf(now),
        })),
      )
      .onConflictDoUpdate({
        target: [complianceAlerts.alertId, complianceAlerts.account],
        set: { ...excluded(complianceAlerts), ...keptByTheSameBytes() },
        setWhere: isNewer(complianceAlerts.occurredAt, complianceAlerts.deliveryId),
      })
      .returning({ id: complianceAlerts.alertId, account: complianceAlerts.account }),
  );
  return alerts.filter(({ account, event }) => !isAmong(written, { id: event.alertId, account }));
}

/**
 * Keeps those of the statements that are older than the row of their id: they change nothing now, and belong to what is
 * told of the past. To be called when the rows are written.
 */
export async function recordOlderStatements(
  tx: Transaction,
  older: readonly Told<FaceMatched | ComplianceAlerted>[],
  now: Date,
): Promise<void> {
  for (const [kind, table, idName] of [
    ['face_match', faceMatches, 'match_id'],
    ['compliance_alert', complianceAlerts, 'alert_id'],
  ] as const) {
    const own = older.filter(({ event }) => (event.kind === 'face_matched') === (kind === 'face_match'));
    if (own.length === 0) continue;
    await tx.query({
      text: `
        insert into fact_versions
          (kind, fact_id, account, delivery_id, session_id, reference_id, known_at, superseded_at, row)
        select $1, i.row->>'${idName}', i.row->>'account', (i.row->>'delivery_id')::uuid, i.row->>'session_id',
               i.row->>'reference_id', $3, $3, i.row
        from unnest($2::jsonb[]) as i (row)
        join ${getTableName(table)} f on f.${idName} = i.row->>'${idName}' and f.account = i.row->>'account'
        where (i.row->>'occurred_at')::timestamptz < f.occurred_at
        on conflict do nothing`,
      values: [kind, own.map((told) => JSON.stringify(rowOf(table, told, now))), now.toISOString()],
    });
  }
}

// As the row would be if this statement were the latest, in the columns' names.
function rowOf(table: PgTable, { account, event }: Told<FaceMatched | ComplianceAlerted>, now: Date) {
  const values: Record<string, unknown> = { ...event, account, knownAt: instantOf(now) };
  const columns = Object.entries(getTableColumns(table));
  return Object.fromEntries(columns.map(([key, column]) => [column.name, values[key] ?? null]));
}

function isAmong(written: readonly FactKey[], { id, account }: FactKey): boolean {
  return written.some((row) => row.id === id && row.account === account);
}

// Every transaction writes in one order, so that two with the same ids cannot deadlock each other.
function inOrder<Event>(
  facts: readonly { readonly account: string; readonly event: Event }[],
  idOf: (event: Event) => string,
) {
  const keyOf = ({ account, event }: { account: string; event: Event }) =>
    JSON.stringify([idOf(event), account]);
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
