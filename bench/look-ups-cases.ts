// What lists are asked for: every filter and every order that they declare, alone and in pairs as people ask them. Each case
// makes its query anew from rows that were found in the tables, so that values come as often as they are found, and the rare
// ones of a short list as often as the common ones.
import { createHash } from 'node:crypto';
import type { Database, Queries } from '../src/db/connect.ts';
import { lookUpSessions } from '../src/db/find-sessions.ts';
import { alertStatuses, deliveryStates, endedReasons } from '../src/db/schema.ts';
import { admissions } from '../src/db/schema-operations.ts';
import { decisions } from '../src/events/decide.ts';
import { eventKinds, type SessionId, sources, verdicts } from '../src/events/event.ts';
import { confirmations, sessionStates } from '../src/events/session.ts';
import { showDeliveries } from '../src/http/deliveries.ts';
import { showComplianceAlerts, showFaceMatches } from '../src/http/facts.ts';
import type { Operation } from '../src/http/operation.ts';
import { showSessions } from '../src/http/sessions.ts';
import type { Query } from './look-ups-ask.ts';

/** The query of the nth time that a case is asked. */
export type Case = (turn: number) => Query;

export interface List {
  readonly name: string;
  readonly operation: Operation;
  /** By the parameter; a span by the name of its beginning. */
  readonly filters: Readonly<Record<string, Case>>;
  /** Names of filters that are asked together. */
  readonly pairs: readonly (readonly string[])[];
  readonly sorts: readonly string[];
}

const sampleCount = 200;
const spanMs = 90 * 86_400_000;
const accounts = ['default', 'acme', 'beta', 'nobody'];

type Filters = List['filters'];

/** The lists with their cases, about the rows of this database. */
export async function findCases(db: Database, now: Date): Promise<readonly List[]> {
  const cases = { now, stored: createSampling(db) };
  return [
    await findSessionCases(cases),
    await findFaceMatchCases(cases),
    await findComplianceAlertCases(cases),
    await findDeliveryCases(cases),
  ];
}

interface Sources {
  readonly now: Date;
  /** The filters whose values are those that the table has in columns of these names. */
  readonly stored: (table: string, ...names: string[]) => Promise<Filters>;
}

function createSampling(db: Database): Sources['stored'] {
  return async (table, ...names) => {
    const filters: Record<string, Case> = {};
    for (const name of names) {
      const rows = await db.query<{ value: string }>({
        text: `select ${name}::text as value from ${table} where ${name} is not null
               order by hashtext(${name}::text) limit ${sampleCount}`,
      });
      const values = rows.map(({ value }) => value);
      Object.assign(filters, listed(name, values));
    }
    return filters;
  };
}

async function findSessionCases({ now, stored }: Sources): Promise<List> {
  return {
    name: '/v1/sessions',
    operation: showSessions,
    filters: {
      ...(await stored('sessions', 'reference_id')),
      ...listed('account', accounts),
      ...listed('state', sessionStates),
      ...listed('verdict', verdicts),
      ...listed('confirmation', confirmations),
      ...listed('settled_source', sources),
      ...listed('ended_reason', endedReasons),
      ...span('expected', now),
      ...span('settled', now),
      ...span('verdict', now),
      ...span('expires', now),
    },
    pairs: [
      ['reference_id', 'state'],
      ['reference_id', 'expected_from'],
      ['reference_id', 'account'],
      ['account', 'state'],
      ['account', 'verdict'],
      ['account', 'expected_from'],
      ['account', 'settled_from'],
      ['state', 'expected_from'],
      ['verdict', 'expected_from'],
      ['verdict', 'settled_from'],
      ['verdict', 'confirmation'],
      ['settled_source', 'expected_from'],
      ['settled_source', 'settled_from'],
      ['ended_reason', 'expected_from'],
      ['confirmation', 'settled_from'],
    ],
    sorts: sortsOf(showSessions),
  };
}

async function findFactFilters({ now, stored }: Sources, table: string): Promise<Filters> {
  return {
    ...(await stored(table, 'session_id', 'reference_id')),
    ...listed('account', accounts),
    ...span('known', now),
    ...span('occurred', now),
  };
}

async function findFaceMatchCases(cases: Sources): Promise<List> {
  const table = 'face_matches';
  return {
    name: '/v1/face-matches',
    operation: showFaceMatches,
    filters: {
      ...(await findFactFilters(cases, table)),
      ...(await cases.stored(table, 'face_id', 'external_face_id', 'collection_id')),
      ...listed('is_match', ['true', 'false']),
    },
    pairs: [
      ['collection_id', 'is_match'],
      ['collection_id', 'occurred_from'],
      ['account', 'known_from'],
      ['reference_id', 'is_match'],
      ['is_match', 'occurred_from'],
    ],
    sorts: sortsOf(showFaceMatches),
  };
}

async function findComplianceAlertCases(cases: Sources): Promise<List> {
  const table = 'compliance_alerts';
  return {
    name: '/v1/compliance-alerts',
    operation: showComplianceAlerts,
    filters: {
      ...(await findFactFilters(cases, table)),
      ...(await cases.stored(table, 'severity', 'category')),
      ...listed('status', alertStatuses),
    },
    pairs: [
      ['status', 'severity'],
      ['status', 'category'],
      ['severity', 'occurred_from'],
      ['category', 'known_from'],
      ['account', 'status'],
    ],
    sorts: sortsOf(showComplianceAlerts),
  };
}

async function findDeliveryCases({ now, stored }: Sources): Promise<List> {
  const table = 'deliveries';
  return {
    name: '/v1/deliveries',
    operation: showDeliveries,
    filters: {
      ...listed('state', deliveryStates),
      ...listed('kind', eventKinds),
      ...listed('source', sources),
      ...listed('decision', decisions),
      ...listed('account', accounts),
      ...listed('admission', admissions),
      ...(await stored(table, 'reason', 'vendor_kind', 'session_id', 'webhook_id', 'trace_id')),
      ...(await stored('sessions', 'reference_id')),
      ...span('', now),
    },
    pairs: [
      ['state', 'from'],
      ['kind', 'from'],
      ['reason', 'from'],
      ['decision', 'from'],
      ['account', 'from'],
      ['source', 'from'],
      ['reference_id', 'from'],
      ['reference_id', 'kind'],
      ['session_id', 'kind'],
      ['state', 'account'],
      ['account', 'kind'],
      ['state', 'reason'],
      ['vendor_kind', 'from'],
    ],
    sorts: sortsOf(showDeliveries),
  };
}

/** All that a list is asked for, with its name: orders, filters, filters in each other's and each order's company. */
export function casesOf({ filters, pairs, sorts }: List): [string, Case][] {
  const named = (name: string): Case => {
    const caseOf = filters[name];
    if (caseOf === undefined) throw new Error(`${name} has a case`);
    return caseOf;
  };
  const [, ...otherSorts] = sorts;
  // A range brings its own order, and sessions in some states have no place in some orders.
  const sortable = Object.keys(filters).filter((name) => !/(^|_)from$/.test(name));
  const isPossible = (name: string, sort: string) =>
    !['state', 'ended_reason'].includes(name) || !/(settled|verdict|expires)_at$/.test(sort);
  const sorted = otherSorts.flatMap((sort) =>
    sortable
      .filter((name) => isPossible(name, sort))
      .map((name): [string, Case] => [`${name} & sort=${sort}`, together(named(name), () => ({ sort }))]),
  );
  return [
    ...sorts.map((sort): [string, Case] => [`sort=${sort}`, () => ({ sort })]),
    ...Object.entries(filters),
    ...pairs.map((pair): [string, Case] => [pair.join(' & '), together(...pair.map(named))]),
    ...sorted,
  ];
}

function together(...cases: readonly Case[]): Case {
  return (turn) => Object.assign({}, ...cases.map((one, place) => one(turn + place * 7)));
}

/** Asks for five hundred sessions by their ids, as the route for that does; one in ten is not known. */
export async function lookUpMany(db: Queries, turn: number, count = 500): Promise<void> {
  const ids = Array.from({ length: count }, (_, place) => {
    const name = place % 10 === 0 ? 'unknown' : `session-${1 + ((turn * 7_919 + place * 104_729) % 50_000)}`;
    return formatUuid(createHash('md5').update(name).digest('hex'));
  });
  await lookUpSessions(db, ids as SessionId[], undefined);
}

function formatUuid(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function listed(name: string, values: readonly string[]): Record<string, Case> {
  if (values.length === 0) throw new Error(`no row has a ${name}`);
  return { [name]: (turn) => ({ [name]: values[turn % values.length] ?? '' }) };
}

// Spans of a minute, an hour, a day and thirty days, anywhere in the ninety days, some open at one end.
function span(name: string, now: Date): Record<string, Case> {
  const [from, to] = name === '' ? ['from', 'to'] : [`${name}_from`, `${name}_to`];
  const lengthsMs = [60_000, 3_600_000, 86_400_000, 30 * 86_400_000];
  return {
    [from]: (turn) => {
      const lengthMs = lengthsMs[turn % lengthsMs.length] ?? 0;
      const start = now.getTime() - spanMs + ((turn * 0.381_966) % 1) * (spanMs - lengthMs);
      const begin = { [from]: new Date(start).toISOString() };
      const end = { [to]: new Date(start + lengthMs).toISOString() };
      return turn % 5 === 3 ? begin : turn % 5 === 4 ? end : { ...begin, ...end };
    },
  };
}

function sortsOf({ query }: Operation): readonly string[] {
  const sort = query.sort as unknown as { unwrap(): { options: string[] } };
  return sort.unwrap().options;
}
