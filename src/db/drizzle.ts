// What this room uses of drizzle, loaded as CommonJS. As ES modules the same files cost 0.4 s and 220 MB at every start
// (measured 2026-11-25, Node 24.21.0), which is most of what a receiver ever held. Types come from drizzle itself, by
// `import type`, which costs nothing. Nothing else may load it: one `import` of a value would bring all of that back.
import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);

export const {
  and,
  asc,
  desc,
  DrizzleQueryError,
  eq,
  getTableColumns,
  getTableName,
  gt,
  gte,
  inArray,
  isNotNull,
  isNull,
  lt,
  lte,
  or,
  sql,
} = load('drizzle-orm') as typeof import('drizzle-orm');

export const {
  bigint,
  boolean,
  check,
  customType,
  date,
  doublePrecision,
  index,
  integer,
  json,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  unique,
  uuid,
} = load('drizzle-orm/pg-core') as typeof import('drizzle-orm/pg-core');

export const { drizzle } = load('drizzle-orm/node-postgres') as typeof import('drizzle-orm/node-postgres');
