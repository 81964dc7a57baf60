// What rows are asked for by: values that some of their columns have. Where nothing is asked of a column, it may say anything.

import type { SQL } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import { and, eq, getTableColumns } from './drizzle.ts';

type Wanted<Row> = { readonly [Name in keyof Row]?: NonNullable<Row[Name]> | undefined };

/** The rows whose columns have these values; undefined, which takes all rows, where none is given. */
export function hasValues<Table extends PgTable>(
  table: Table,
  wanted: Wanted<Table['$inferSelect']>,
): SQL | undefined {
  const columns = getTableColumns(table);
  const conditions = Object.entries(wanted).map(([name, value]) => {
    const column = columns[name];
    if (column === undefined) throw new Error(`${name} is no column`);
    return value === undefined ? undefined : eq(column, value);
  });
  return and(...conditions);
}
