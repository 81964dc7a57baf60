// Finding deliveries for those who ask what became of one, and for those who have some processed again: one filter for
// both, keyset pages, newest first.
import { and, asc, desc, eq, gt, gte, inArray, lt, lte, or, type SQL, sql } from 'drizzle-orm';
import type { DeliveryId, EventKind, SessionId, Source } from '../events/event.ts';
import { instantOf } from '../events/instant.ts';
import type { Queries } from './connect.ts';
import type { Page } from './find-facts.ts';
import {
  complianceAlerts,
  type DeliveryState,
  deliveries,
  deliveryBodies,
  faceMatches,
  sessions,
} from './schema.ts';
import type { Admission } from './schema-operations.ts';

export type DeliveryRow = typeof deliveries.$inferSelect;
export type DeliveryBodyRow = typeof deliveryBodies.$inferSelect;

export interface DeliveryFilter {
  readonly ids?: readonly DeliveryId[] | undefined;
  readonly state?: DeliveryState | undefined;
  readonly reason?: string | undefined;
  readonly kind?: EventKind | undefined;
  readonly source?: Source | undefined;
  readonly decision?: string | undefined;
  readonly account?: string | undefined;
  readonly sessionId?: SessionId | undefined;
  /** Of the session that it speaks of, or of the match or alert that it told. */
  readonly referenceId?: string | undefined;
  readonly admission?: Admission | undefined;
  /** Received from then on. */
  readonly from?: Date | undefined;
  /** And before then. */
  readonly to?: Date | undefined;
}

/** At most `limit` deliveries, newest first. */
export function listDeliveries(db: Queries, filter: DeliveryFilter, page: Page): Promise<DeliveryRow[]> {
  const isBehind = page.after === undefined ? undefined : lt(deliveries.id, page.after);
  return db.orm((orm) =>
    orm
      .select()
      .from(deliveries)
      .where(and(conditionOf(filter), isBehind))
      .orderBy(desc(deliveries.id))
      .limit(page.limit),
  );
}

/** How many match, and the newest of them. */
export async function measureDeliveries(
  db: Queries,
  filter: DeliveryFilter,
): Promise<{ readonly count: number; readonly newest: DeliveryId | null }> {
  const [row] = await db.orm((orm) =>
    orm
      .select({
        count: sql<string>`count(*)`,
        newest: sql<DeliveryId | null>`(array_agg(${deliveries.id} order by ${deliveries.id} desc))[1]`,
      })
      .from(deliveries)
      .where(conditionOf(filter)),
  );
  return { count: Number(row?.count ?? 0), newest: row?.newest ?? null };
}

export interface Stretch {
  readonly after: DeliveryId | null;
  readonly upTo: DeliveryId | null;
  readonly limit: number;
}

/** The oldest `limit` that match, behind `after` and up to and with `upTo`. */
export async function findDeliveryIds(
  db: Queries,
  filter: DeliveryFilter,
  { after, upTo, limit }: Stretch,
): Promise<DeliveryId[]> {
  if (upTo === null) return [];
  const isBehind = after === null ? undefined : gt(deliveries.id, after);
  const rows = await db.orm((orm) =>
    orm
      .select({ id: deliveries.id })
      .from(deliveries)
      .where(and(conditionOf(filter), isBehind, lte(deliveries.id, upTo)))
      .orderBy(asc(deliveries.id))
      .limit(limit),
  );
  return rows.map(({ id }) => id);
}

export async function findDelivery(db: Queries, id: DeliveryId): Promise<DeliveryRow | undefined> {
  const [row] = await db.orm((orm) => orm.select().from(deliveries).where(eq(deliveries.id, id)));
  return row;
}

/** The stored bytes and headers; undefined once retention has dropped them. */
export async function findDeliveryBody(
  db: Queries,
  delivery: DeliveryRow,
): Promise<DeliveryBodyRow | undefined> {
  const [row] = await db.orm((orm) =>
    orm
      .select()
      .from(deliveryBodies)
      .where(
        and(eq(deliveryBodies.deliveryId, delivery.id), eq(deliveryBodies.receivedAt, delivery.receivedAt)),
      ),
  );
  return row;
}

function conditionOf(filter: DeliveryFilter): SQL | undefined {
  const { ids, state, reason, kind, source, decision, account, sessionId, admission, from, to } = filter;
  return and(
    ids === undefined ? undefined : inArray(deliveries.id, [...ids]),
    state === undefined ? undefined : eq(deliveries.state, state),
    reason === undefined ? undefined : eq(deliveries.reason, reason),
    kind === undefined ? undefined : eq(deliveries.kind, kind),
    source === undefined ? undefined : eq(deliveries.source, source),
    decision === undefined ? undefined : eq(deliveries.decision, decision),
    account === undefined ? undefined : eq(deliveries.account, account),
    sessionId === undefined ? undefined : eq(deliveries.sessionId, sessionId),
    admission === undefined ? undefined : eq(deliveries.admission, admission),
    from === undefined ? undefined : gte(deliveries.receivedAt, instantOf(from)),
    to === undefined ? undefined : lt(deliveries.receivedAt, instantOf(to)),
    filter.referenceId === undefined ? undefined : isAbout(filter.referenceId),
  );
}

function isAbout(referenceId: string): SQL | undefined {
  const { id, sessionId, account } = deliveries;
  return or(
    sql`(${sessionId}, ${account}) in (select s.session_id, s.account from ${sessions} s where s.reference_id = ${referenceId})`,
    sql`${id} in (select f.delivery_id from ${faceMatches} f where f.reference_id = ${referenceId})`,
    sql`${id} in (select c.delivery_id from ${complianceAlerts} c where c.reference_id = ${referenceId})`,
  );
}
