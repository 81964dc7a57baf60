// What is kept of sessions and facts beside the rows that stand, for questions about the past. Only reading; what is made
// of it is `events/as-of`.

import type { InferSelectModel, SQL } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import type { Ending, History, KnownObservation, Moment, RowVersion } from '../events/as-of.ts';
import { parseInstant } from '../events/instant.ts';
import type { Queries } from './connect.ts';
import { and, desc, eq, getTableColumns, getTableName, sql } from './drizzle.ts';
import type { FactTable } from './facts.ts';
import type { SessionRow } from './find-sessions.ts';
import { hasValues } from './has-values.ts';
import { type EndedReason, sessions as sessionTable } from './schema.ts';
import { fingerprint, placesOf, type SessionKey, sessionKeyText, withFingerprint } from './sessions.ts';

export interface WhoseSubject {
  readonly referenceId: string;
  readonly account: string | undefined;
}

/** Each session's history, by `sessionKeyText`. */
export async function findHistories(
  db: Queries,
  sessions: readonly SessionRow[],
): Promise<Map<string, History<EndedReason>>> {
  const values = placesOf(sessions);
  const [observations, endings, versions] = await Promise.all([
    db.query<SessionKey & KnownObservation>({
      name: 'find-known-observations',
      text: `
        select o.session_id as "sessionId", o.account, o.delivery_id as "deliveryId", o.source, o.verdict, o.confidence,
               o.reference_id as "referenceId", o.occurred_at as "occurredAt", o.known_at as "knownAt",
               ${fingerprint}
        from unnest($1::text[], $2::text[]) as k (session_id, account)
        join observations o on o.session_id = k.session_id and o.account = k.account
        ${withFingerprint}`,
      values,
    }),
    db.query<SessionKey & Ending<EndedReason>>({
      name: 'find-endings',
      text: `
        select e.session_id as "sessionId", e.account, e.state, e.reason, e.ended_at as "endedAt",
               e.reopened_at as "reopenedAt"
        from unnest($1::text[], $2::text[]) as k (session_id, account)
        join session_endings e using (session_id, account)`,
      values,
    }),
    db.query<SessionKey & RowVersion>({
      name: 'find-session-versions',
      text: `
        select v.session_id as "sessionId", v.account, v.known_at as "knownAt", v.expected_at as "expectedAt",
               v.expires_at as "expiresAt", v.registered_reference_id as "registeredReferenceId"
        from unnest($1::text[], $2::text[]) as k (session_id, account)
        join session_versions v using (session_id, account)
        order by v.known_at`,
      values,
    }),
  ]);
  const observationsOf = Map.groupBy(observations, sessionKeyText);
  const endingsOf = Map.groupBy(endings, sessionKeyText);
  const versionsOf = Map.groupBy(versions, sessionKeyText);
  return new Map(
    sessions.map((row) => {
      const key = sessionKeyText(row);
      return [
        key,
        {
          observations: observationsOf.get(key) ?? [],
          endings: endingsOf.get(key) ?? [],
          versions: [...(versionsOf.get(key) ?? []), row],
        },
      ];
    }),
  );
}

/** At most `limit` sessions of this person as the rows say now, newest first. */
export function findSubjectSessions(
  db: Queries,
  { referenceId, account }: WhoseSubject,
  limit: number,
): Promise<SessionRow[]> {
  return newestSessions(db, eq(sessionTable.referenceId, referenceId), account, limit);
}

/** At most `limit` sessions that were ever said to be of this person and may have been there at that moment, newest first. */
export function findFormerSessions(
  db: Queries,
  { referenceId, account }: WhoseSubject,
  moment: Moment,
  limit: number,
): Promise<SessionRow[]> {
  const wasTheirs = sql`(${sessionTable.sessionId}, ${sessionTable.account}) in (
    select session_id, account from sessions where reference_id = ${referenceId}
    union
    select session_id, account from sessions
    where registered_reference_id = ${referenceId} and registered_reference_id <> reference_id
    union
    select session_id, account from observations where reference_id = ${referenceId})`;
  return newestSessions(db, sql`${wasTheirs} and ${mayHaveBeenBy(moment)}`, account, limit);
}

// All that `sessionAsOf` tells of, and perhaps more: what came since must not take the place of what was there. Each question is asked
// of one session; an `exists` may be answered by reading all of the other table first.
function mayHaveBeenBy({ asOf, knownAt }: Moment): SQL {
  const { sessionId, account, expectedAt } = sessionTable;
  const moment = sql`least(${asOf}::timestamptz, ${knownAt}::timestamptz)`;
  return sql`(${expectedAt} <= ${moment}
    or (select true from session_versions v
        where v.session_id = ${sessionId} and v.account = ${account} and v.expected_at <= ${moment} limit 1)
    or (select true from observations o
        where o.session_id = ${sessionId} and o.account = ${account}
          and (${asOf}::timestamptz is null or o.occurred_at <= ${asOf}::timestamptz)
          and (${knownAt}::timestamptz is null or o.known_at <= ${knownAt}::timestamptz) limit 1))`;
}

function newestSessions(
  db: Queries,
  condition: SQL,
  account: string | undefined,
  limit: number,
): Promise<SessionRow[]> {
  return db.orm((orm) =>
    orm
      .select()
      .from(sessionTable)
      .where(and(condition, hasValues(sessionTable, { account })))
      .orderBy(desc(sessionTable.expectedAt), desc(sessionTable.sessionId), desc(sessionTable.account))
      .limit(limit),
  );
}

/**
 * All statements about face matches, or about compliance alerts, that name this person or a session of theirs; of at most `limit`
 * matches or alerts, the newest. One that names them may have been superseded by one that does not, so that all statements about
 * the same thing are read.
 */
export async function findStatements<Table extends PgTable>(
  db: Queries,
  { table, id: idColumn, versionKind }: FactTable<Table>,
  { referenceId, account }: WhoseSubject,
  sessions: readonly SessionKey[],
  limit: number,
): Promise<InferSelectModel<Table>[]> {
  const [name, id] = [getTableName(table), idColumn.name];
  const rows = await db.query<{ row: Record<string, unknown> }>({
    name: `find-${versionKind}-statements`,
    text: `
      with keys as (
        select session_id, account from unnest($2::text[], $3::text[]) as k (session_id, account)
      ), naming as (
        select ${id} as id, account, delivery_id from ${name} where reference_id = $1
        union all
        select f.${id}, f.account, f.delivery_id from ${name} f join keys using (session_id, account)
        union all
        select fact_id, account, delivery_id from fact_versions where kind = '${versionKind}' and reference_id = $1
        union all
        select v.fact_id, v.account, v.delivery_id from fact_versions v join keys using (session_id, account)
        where v.kind = '${versionKind}'
      ), ids as (
        select id, account from naming where $4::text is null or account = $4
        group by id, account order by max(delivery_id::text) desc limit $5
      )
      select to_jsonb(f) as row from ${name} f join ids on ids.id = f.${id} and ids.account = f.account
      union all
      select v.row from fact_versions v join ids on ids.id = v.fact_id and ids.account = v.account
      where v.kind = '${versionKind}'`,
    values: [referenceId, ...placesOf(sessions), account ?? null, limit],
  });
  return rows.map(({ row }) => readRow(table, row));
}

// A row that Postgres wrote as JSON, as drizzle would have read it.
function readRow<Table extends PgTable>(table: Table, row: Record<string, unknown>): InferSelectModel<Table> {
  const values = Object.entries(getTableColumns(table)).map(([key, column]) => {
    const value = row[column.name] ?? null;
    const isTime = typeof value === 'string' && column.getSQLType().startsWith('timestamp');
    return [key, isTime ? parseInstant(value) : value];
  });
  return Object.fromEntries(values) as InferSelectModel<Table>;
}
