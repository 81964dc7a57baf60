// Reading face matches and compliance alerts for those who ask: keyset pages in the order in which we knew of them, or of
// iLive's time. The delivery that told one makes its place unique.

import type { SQL } from 'drizzle-orm';
import type { SessionId } from '../events/event.ts';
import type { Queries } from './connect.ts';
import { and, sql } from './drizzle.ts';
import { hasValues } from './has-values.ts';
import { isWithin, listPage, type PageBy, type Range } from './order.ts';
import { type AlertStatus, complianceAlerts, faceMatches, sessions } from './schema.ts';

export type FaceMatchRow = typeof faceMatches.$inferSelect;
export type ComplianceAlertRow = typeof complianceAlerts.$inferSelect;

/** The times by which facts are sorted and chosen. */
export type FactTime = 'known_at' | 'occurred_at';

interface FactFilter {
  readonly sessionId?: SessionId | undefined;
  /** Its own, or that of the session that it names. */
  readonly referenceId?: string | undefined;
  readonly account?: string | undefined;
  readonly ranges?: { readonly [Time in FactTime]?: Range };
}

export interface FaceMatchFilter extends FactFilter {
  readonly faceId?: string | undefined;
  readonly externalFaceId?: string | undefined;
  readonly collectionId?: string | undefined;
  readonly isMatch?: boolean | undefined;
}

export interface ComplianceAlertFilter extends FactFilter {
  readonly severity?: string | undefined;
  readonly category?: string | undefined;
  readonly status?: AlertStatus | undefined;
}

/** A page of the face matches that match. */
export function listFaceMatches(
  db: Queries,
  filter: FaceMatchFilter,
  page: PageBy<FactTime>,
): Promise<FaceMatchRow[]> {
  const { faceId, externalFaceId, collectionId, isMatch } = filter;
  const condition = and(
    conditionOf(faceMatches, filter),
    hasValues(faceMatches, { faceId, externalFaceId, collectionId, isMatch }),
  );
  return listPage(db, faceMatches, condition, orderOf(faceMatches, page.by), page);
}

/** A page of the compliance alerts that match. */
export function listComplianceAlerts(
  db: Queries,
  filter: ComplianceAlertFilter,
  page: PageBy<FactTime>,
): Promise<ComplianceAlertRow[]> {
  const { severity, category, status } = filter;
  const condition = and(
    conditionOf(complianceAlerts, filter),
    hasValues(complianceAlerts, { severity, category, status }),
  );
  return listPage(db, complianceAlerts, condition, orderOf(complianceAlerts, page.by), page);
}

/** The alerts with this id, one for each account that has it; nearly always one or none. */
export function findComplianceAlerts(
  db: Queries,
  alertId: string,
  account: string | undefined,
): Promise<ComplianceAlertRow[]> {
  return db.orm((orm) =>
    orm.select().from(complianceAlerts).where(hasValues(complianceAlerts, { alertId, account })),
  );
}

/** Where a row stands in the order by this time. */
export function placeOfFact(row: FaceMatchRow | ComplianceAlertRow, by: FactTime): string[] {
  return [by === 'known_at' ? row.knownAt : row.occurredAt, row.deliveryId];
}

type FactTable = typeof faceMatches | typeof complianceAlerts;

function orderOf(table: FactTable, by: FactTime) {
  return [by === 'known_at' ? table.knownAt : table.occurredAt, table.deliveryId];
}

function conditionOf(table: FactTable, filter: FactFilter): SQL | undefined {
  const { sessionId, referenceId, account, ranges } = filter;
  return and(
    hasValues(table, { sessionId, account }),
    referenceId === undefined ? undefined : isAbout(table, referenceId),
    isWithin(table.knownAt, ranges?.known_at),
    isWithin(table.occurredAt, ranges?.occurred_at),
  );
}

// The sessions are gathered first, so that both halves go by an index. Another account's session may have the same id.
function isAbout(table: FactTable, referenceId: string): SQL {
  const ofThem = sql`from ${sessions} where reference_id = ${referenceId}`;
  return sql`(${table.referenceId} = ${referenceId}
    or (${table.sessionId} = any(array(select session_id ${ofThem}))
        and (${table.sessionId}, ${table.account}) in (select session_id, account ${ofThem})))`;
}
