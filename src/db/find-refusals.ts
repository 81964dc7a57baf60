// Looking for refused requests: lists, single ones, those that an operator's filter takes and those that still need a
// diagnosis.

import type { SQL } from 'drizzle-orm';
import { instantOf } from '../events/instant.ts';
import type { Queries } from './connect.ts';
import { and, asc, desc, eq, getTableColumns, gt, inArray, isNotNull, isNull, sql } from './drizzle.ts';
import { hasValues } from './has-values.ts';
import { isBehind, isWithin, orderBy, type Page } from './order.ts';
import { rowBytes, sourceSql } from './refusal-source.ts';
import { refusals } from './schema-operations.ts';

export type RefusalRow = typeof refusals.$inferSelect;
/** What lists show: everything but the bytes. */
export type ListedRefusal = Omit<RefusalRow, 'headers' | 'body' | 'requestSha256'>;

export interface RefusalFilter {
  readonly ids?: readonly string[] | undefined;
  readonly isAdmitted?: boolean | undefined;
  readonly reason?: string | undefined;
  readonly account?: string | undefined;
  readonly address?: string | undefined;
  /** Both are of the last receipt: the very same request, sent again, is one row. */
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

const { headers: _headers, body: _body, requestSha256: _hash, ...listed } = getTableColumns(refusals);

const order = [refusals.id];

/** A page of the refusals that match, in the order of receipt, without their bytes. */
export function listRefusals(db: Queries, filter: RefusalFilter, page: Page): Promise<ListedRefusal[]> {
  return db.orm((orm) =>
    orm
      .select(listed)
      .from(refusals)
      .where(and(conditionOf(filter), isBehind(order, page)))
      .orderBy(...orderBy(order, page))
      .limit(page.limit),
  );
}

export async function findRefusal(db: Queries, id: string): Promise<RefusalRow | undefined> {
  const [row] = await db.orm((orm) => orm.select().from(refusals).where(eq(refusals.id, id)));
  return row;
}

export interface RefusalPage {
  readonly after: string | undefined;
  readonly limit: number;
}

/** At most `limit` of the still refused behind `after`, oldest first, with their bytes. */
export function loadRefusals(
  db: Queries,
  filter: RefusalFilter,
  { after, limit }: RefusalPage,
): Promise<RefusalRow[]> {
  const isNext = after === undefined ? undefined : gt(refusals.id, after);
  return db.orm((orm) =>
    orm
      .select()
      .from(refusals)
      .where(and(conditionOf({ ...filter, isAdmitted: false }), isNext))
      .orderBy(asc(refusals.id))
      .limit(limit),
  );
}

export interface DiagnosisTurn {
  readonly maxCount: number;
  readonly maxStoredBytes: number;
}

/**
 * Of the still refused that have no diagnosis those of the sources that have had least of it: at most so many, and so many bytes,
 * one at least. The newest first of each, and the small before the large, so that nobody's junk keeps the others waiting.
 */
export function findUndiagnosed(db: Queries, turn: DiagnosisTurn): Promise<RefusalRow[]> {
  const text = `
    select id, stored_bytes, row_number() over (order by level, id desc) as place
    from (
      select id, stored_bytes, sum(stored_bytes + ${rowBytes}) over (partition by ${sourceSql} order by id desc) as level
      from refusals where delivery_id is null and diagnosed_at is null
    ) leveled
    order by place limit $1`;
  return findToDiagnose(db, { text, values: [] }, turn);
}

/** Of those behind `before` whose diagnosis was made with something else than `made`, or holds no finding, the newest: as many. */
export function findStale(
  db: Queries,
  { made, before }: { readonly made: string; readonly before: string | undefined },
  turn: DiagnosisTurn,
): Promise<RefusalRow[]> {
  const text = `
    select id, stored_bytes, row_number() over (order by id desc) as place from refusals
    where delivery_id is null and diagnosed_at is not null
      and (diagnosed_with is distinct from $3 or diagnosis -> 'findings' ->> 0 is null) and ($4::uuid is null or id < $4)
    order by id desc limit $1`;
  return findToDiagnose(db, { text, values: [made, before ?? null] }, turn);
}

async function findToDiagnose(
  db: Queries,
  chosen: { readonly text: string; readonly values: readonly unknown[] },
  { maxCount, maxStoredBytes }: DiagnosisTurn,
): Promise<RefusalRow[]> {
  const rows = await db.query<{ id: string }>({
    text: `
      with chosen as (${chosen.text}), summed as (
        select id, sum(stored_bytes) over (order by place) - stored_bytes as before from chosen
      )
      select id from summed where before < $2`,
    values: [maxCount, maxStoredBytes, ...chosen.values],
  });
  if (rows.length === 0) return [];
  return db.orm((orm) =>
    orm
      .select()
      .from(refusals)
      .where(
        inArray(
          refusals.id,
          rows.map(({ id }) => id),
        ),
      )
      .orderBy(desc(refusals.id)),
  );
}

/** How many match. */
export async function countRefusals(db: Queries, filter: RefusalFilter): Promise<number> {
  const [row] = await db.orm((orm) =>
    orm.select({ count: sql<string>`count(*)` }).from(refusals).where(conditionOf(filter)),
  );
  return Number(row?.count);
}

/** The filter as a condition; undefined when it takes everything. */
export function conditionOf({
  ids,
  isAdmitted,
  reason,
  account,
  address,
  from,
  to,
}: RefusalFilter): SQL | undefined {
  return and(
    ids === undefined ? undefined : inArray(refusals.id, [...ids]),
    isAdmitted === undefined
      ? undefined
      : isAdmitted
        ? isNotNull(refusals.deliveryId)
        : isNull(refusals.deliveryId),
    hasValues(refusals, { reason, account, address }),
    isWithin(refusals.lastReceivedAt, { from: from && instantOf(from), to: to && instantOf(to) }),
  );
}
