// The column types that drizzle has not, or has otherwise: bytes, and times as exact texts; and columns of a closed list.

import type { SQL } from 'drizzle-orm';
import type { Instant } from '../events/instant.ts';
import { customType, sql } from './drizzle.ts';
import { readTimestamp } from './timestamp.ts';

export const bytea = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' });

export const instant = customType<{ data: Instant; driverData: string }>({
  dataType: () => 'timestamp (6) with time zone',
  fromDriver: readTimestamp,
});

/** A transaction's id that is never used twice, as the text of a number. */
export const transactionId = customType<{ data: string; driverData: string }>({ dataType: () => 'xid8' });

/** As the condition of a check. */
export function isOneOf(column: string, words: readonly string[]): SQL {
  return sql.raw(`${column} in ('${words.join("', '")}')`);
}
