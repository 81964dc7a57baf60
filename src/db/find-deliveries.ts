// Finding deliveries for those who ask what became of one, and for those who have some processed again: one filter for
// both. Ids are made at receipt and sort by time, so every list goes by them, and a span of time is a span of ids.

import type { SQL } from 'drizzle-orm';
import type { DeliveryId, EventKind, Fact, SessionId, Source } from '../events/event.ts';
import type { Queries } from './connect.ts';
import { and, asc, eq, gt, gte, inArray, lt, lte, sql } from './drizzle.ts';
import { factKinds, factTables } from './facts.ts';
import { hasValues } from './has-values.ts';
import { isWithin, listPage, type Page, type Range } from './order.ts';
import { type DeliveryState, deliveries, deliveryBodies, observations, sessions } from './schema.ts';
import { factVersions } from './schema-changes.ts';
import type { Admission } from './schema-operations.ts';

export type DeliveryRow = typeof deliveries.$inferSelect;
export type DeliveryBodyRow = typeof deliveryBodies.$inferSelect;

export interface DeliveryFilter extends Range {
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
  readonly webhookId?: string | undefined;
  readonly vendorKind?: string | undefined;
  readonly traceId?: string | undefined;
}

/** A page of the deliveries that match, in the order of receipt. */
export function listDeliveries(db: Queries, filter: DeliveryFilter, page: Page): Promise<DeliveryRow[]> {
  return listPage(db, deliveries, conditionOf(filter), [deliveries.id], page);
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
        // Postgres 15 to 17 have no max() of a uuid; its text sorts alike.
        newest: sql<DeliveryId | null>`max(${deliveries.id}::text collate "C")`,
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
  const isNext = after === null ? undefined : gt(deliveries.id, after);
  const rows = await db.orm((orm) =>
    orm
      .select({ id: deliveries.id })
      .from(deliveries)
      .where(and(conditionOf(filter), isNext, lte(deliveries.id, upTo)))
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
  const { ids, state, reason, kind, source, decision, account, sessionId, admission } = filter;
  const { webhookId, vendorKind, traceId, referenceId } = filter;
  return and(
    ids === undefined ? undefined : inArray(deliveries.id, [...ids]),
    hasValues(deliveries, { state, reason, kind, source, decision, account, admission, vendorKind, traceId }),
    sessionId === undefined ? undefined : isOf(sessionId),
    webhookId === undefined ? undefined : isUnder(webhookId),
    referenceId === undefined ? undefined : isAbout(referenceId),
    isReceivedWithin(filter),
  );
}

// How far the time in an id may lie from the time of receipt beside it: a clock that goes a little back moves only the latter.
const idSlackMs = 60_000;

// The ids bound the search; the exact times decide.
function isReceivedWithin({ from, to }: Range): SQL | undefined {
  return and(
    from === undefined ? undefined : gte(deliveries.id, firstIdOf(Date.parse(from) - idSlackMs)),
    to === undefined ? undefined : lt(deliveries.id, firstIdOf(Date.parse(to) + idSlackMs)),
    isWithin(deliveries.receivedAt, { from, to }),
  );
}

/** The lowest UUID whose first 48 bits, the time of a uuid v7, say this millisecond. */
export function firstIdOf(ms: number): DeliveryId {
  const time = Math.min(Math.max(ms, 0), 2 ** 48 - 1)
    .toString(16)
    .padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-0000-0000-000000000000` as DeliveryId;
}

// Looked for day by day, which is how the index is ordered; a day takes as long as one row.
function isUnder(webhookId: string): SQL {
  return sql`${deliveries.id} = any(array(
    select d.id from (select min(received_on) as first, max(received_on) as last from ${deliveries}) span
    cross join lateral generate_series(0, span.last - span.first) later
    cross join lateral (
      select id from ${deliveries} where received_on = span.first + later and webhook_id = ${webhookId} offset 0
    ) d
    union all
    select id from ${deliveries} where received_on is null and webhook_id = ${webhookId}
  ))`;
}

// One that settled a session has stated its verdict: the index of the others does not hold it.
function isOf(sessionId: SessionId): SQL {
  return sql`${deliveries.sessionId} = ${sessionId} and ${deliveries.id} = any(array(
    select id from ${deliveries} where session_id = ${sessionId} and decision <> 'settle'
    union all
    select delivery_id from ${observations} where session_id = ${sessionId}
  ))`;
}

// The ids are gathered first, each part by its index. As conditions of the list, even as subqueries, they would have the
// planner read all deliveries and ask of each whether it is one of them.
function isAbout(referenceId: string): SQL {
  return sql`${deliveries.id} = any(array(
    select d.id from ${sessions} s join ${deliveries} d on d.session_id = s.session_id and d.account = s.account
    where s.reference_id = ${referenceId} and d.session_id is not null and d.decision <> 'settle'
    union all
    select d.id from ${sessions} s join ${observations} o on o.session_id = s.session_id and o.account = s.account
    join ${deliveries} d on d.id = o.delivery_id and d.session_id = o.session_id and d.decision = 'settle'
    where s.reference_id = ${referenceId}
    ${sql.join(factKinds.map((kind) => isToldOf(kind, referenceId)))}
    union all
    select v.delivery_id from ${factVersions} v where v.reference_id = ${referenceId}
  ))`;
}

function isToldOf(kind: Fact['kind'], referenceId: string): SQL {
  return sql` union all select delivery_id from ${factTables[kind].table} where reference_id = ${referenceId}`;
}
