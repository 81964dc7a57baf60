// Reading face matches and compliance alerts for those who ask: keyset pages, newest delivery first.
import { and, desc, eq, lt } from 'drizzle-orm';
import type { DeliveryId, SessionId } from '../events/event.ts';
import type { Queries } from './connect.ts';
import { complianceAlerts, faceMatches } from './schema.ts';

export type FaceMatchRow = typeof faceMatches.$inferSelect;
export type ComplianceAlertRow = typeof complianceAlerts.$inferSelect;

export interface FactFilter {
  readonly sessionId?: SessionId | undefined;
  readonly referenceId?: string | undefined;
  readonly account?: string | undefined;
}

export interface Page {
  /** The last delivery id of the page before. */
  readonly after: DeliveryId | undefined;
  readonly limit: number;
}

/** At most `limit` face matches, newest first. */
export function listFaceMatches(db: Queries, filter: FactFilter, page: Page): Promise<FaceMatchRow[]> {
  return db.orm((orm) =>
    orm
      .select()
      .from(faceMatches)
      .where(conditionOf(faceMatches, filter, page))
      .orderBy(desc(faceMatches.deliveryId))
      .limit(page.limit),
  );
}

/** At most `limit` compliance alerts, newest first. */
export function listComplianceAlerts(
  db: Queries,
  filter: FactFilter,
  page: Page,
): Promise<ComplianceAlertRow[]> {
  return db.orm((orm) =>
    orm
      .select()
      .from(complianceAlerts)
      .where(conditionOf(complianceAlerts, filter, page))
      .orderBy(desc(complianceAlerts.deliveryId))
      .limit(page.limit),
  );
}

function conditionOf(table: typeof faceMatches | typeof complianceAlerts, filter: FactFilter, page: Page) {
  return and(
    filter.sessionId === undefined ? undefined : eq(table.sessionId, filter.sessionId),
    filter.referenceId === undefined ? undefined : eq(table.referenceId, filter.referenceId),
    filter.account === undefined ? undefined : eq(table.account, filter.account),
    page.after === undefined ? undefined : lt(table.deliveryId, page.after),
  );
}
