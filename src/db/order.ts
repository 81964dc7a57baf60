// The orders that lists come in, and the places in them where pages end. An order goes by columns that together are unique,
// all in one direction, so that one index serves it from either end. A page begins behind the last row of the page before
// (keyset), which costs the same wherever it stands; it must never be found by counting rows.

import type { SQL } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import type { Instant } from '../events/instant.ts';
import type { Queries } from './connect.ts';
import { and, asc, desc, gte, lt, sql } from './drizzle.ts';

/** From then on, and before then. */
export interface Range {
  readonly from?: Instant | undefined;
  readonly to?: Instant | undefined;
}

export interface Page {
  /** What the last row of the page before says in the columns of the order. */
  readonly after: readonly string[] | undefined;
  readonly isDescending: boolean;
  readonly limit: number;
}

/** A page of the order that goes by the time `By`. */
export interface PageBy<By extends string> extends Page {
  readonly by: By;
}

/** A page of the rows of a table that meet the condition, in the order of these columns. */
export function listPage<Table extends PgTable>(
  db: Queries,
  table: Table,
  condition: SQL | undefined,
  order: readonly PgColumn[],
  page: Page,
): Promise<Table['$inferSelect'][]> {
  return db.orm((orm) =>
    orm
      .select()
      .from(table as PgTable)
      .where(and(condition, isBehind(order, page)))
      .orderBy(...orderBy(order, page))
      .limit(page.limit),
  );
}

export function orderBy(columns: readonly PgColumn[], { isDescending }: Page): SQL[] {
  return columns.map((column) => (isDescending ? desc(column) : asc(column)));
}

/** Whether a row belongs to the page or to one behind it; undefined for the first page, where all do. */
export function isBehind(columns: readonly PgColumn[], { after, isDescending }: Page): SQL | undefined {
  if (after === undefined) return undefined;
  if (after.length !== columns.length) throw new Error('a place has a value for each column of its order');
  const values = columns.map((column, index) => sql`${after[index]}::${sql.raw(column.getSQLType())}`);
  const direction = sql.raw(isDescending ? '<' : '>');
  return sql`(${sql.join([...columns], sql`, `)}) ${direction} (${sql.join(values, sql`, `)})`;
}

export function isWithin(column: PgColumn, range: Range | undefined): SQL | undefined {
  return and(
    range?.from === undefined ? undefined : gte(column, range.from),
    range?.to === undefined ? undefined : lt(column, range.to),
  );
}
