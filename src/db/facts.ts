// Face matches and compliance alerts: one row each by the vendor's id, holding the latest statement about it. The guard
// in the upsert repeats the rule of `events/decide`, so that two workers with the same id end in the same row whoever
// commits last (guarantee 6).
import { and, eq, getTableColumns, or, type SQL, sql } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import type { Recorded } from '../events/decide.ts';
import type { ComplianceAlerted, FaceMatched } from '../events/event.ts';
import { instantOf } from '../events/instant.ts';
import type { Queries, Transaction } from './connect.ts';
import { complianceAlerts, faceMatches } from './schema.ts';

export interface FactKey {
  readonly id: string;
  readonly account: string;
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

/** Writes face matches, at most one for each id. One whose row is newer already changes nothing. */
export async function recordFaceMatches(
  tx: Transaction,
  matches: readonly { readonly account: string; readonly event: FaceMatched }[],
  now: Date,
): Promise<void> {
  if (matches.length === 0) return;
  await tx.orm((orm) =>
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
      }),
  );
}

/** Writes compliance alerts, at most one for each id. One whose row is newer already changes nothing. */
export async function recordComplianceAlerts(
  tx: Transaction,
  alerts: readonly { readonly account: string; readonly event: ComplianceAlerted }[],
  now: Date,
): Promise<void> {
  if (alerts.length === 0) return;
  await tx.orm((orm) =>
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
        set: excluded(complianceAlerts),
        setWhere: isNewer(complianceAlerts.occurredAt, complianceAlerts.deliveryId),
      }),
  );
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

// Columns that Postgres makes itself cannot be set. What somebody here did about an alert is set to nothing: the newer
// statement is open again.
function excluded(table: PgTable): Record<string, SQL> {
  const columns = Object.entries(getTableColumns(table)).filter(
    ([, column]) => column.generated === undefined,
  );
  return Object.fromEntries(
    columns.map(([key, column]) => [key, sql`excluded.${sql.identifier(column.name)}`]),
  );
}

function isNewer(occurredAt: PgColumn, deliveryId: PgColumn): SQL {
  return sql`excluded.occurred_at > ${occurredAt}
    or (excluded.occurred_at = ${occurredAt} and excluded.delivery_id < ${deliveryId})`;
}
