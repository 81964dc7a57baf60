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

/** The lists with their cases, about the rows of this database. */
export async function findCases(db: Database, now: Date): Promise<readonly List[]> {
  const sampled = async (table: string, column: string) => {
    const rows = await db.query<{ value: string }>({
      text: `select ${column}::text as value from ${table} where ${column} is not null order by hashtext(${column}::text) limit ${sampleCount}`,
    });
    return rows.map(({ value }) => value);
  };
  const stored = async (table: string, parameter: string, column = parameter) =>
    listed(parameter, await sampled(table, column));
  const [ofSessions, ofDeliveries, ofMatches, ofAlerts] = [
    'sessions',
    'deliveries',
    'face_matches',
    'compliance_alerts',
  ];
  const time = (name: string) => span(name, now);
  const facts = async (table: string) => ({
    ...(await stored(table, 'session_id')),
    ...(await stored(table, 'reference_id')),
    ...listed('account', accounts),
    ...time('known'),
    ...time('occurred'),
  });
  return [
    {
      name: '/v1/sessions',
      operation: showSessions,
      filters: {
        ...(await stored(ofSessions, 'reference_id')),
        ...listed('account', accounts),
        ...listed('state', sessionStates),
        ...listed('verdict', verdicts),
        ...listed('confirmation', confirmations),
        ...listed('settled_source', sources),
        ...listed('ended_reason', endedReasons),
        ...time('expected'),
        ...time('settled'),
        ...time('verdict'),
        ...time('expires'),
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
    },
    {
      name: '/v1/face-matches',
      operation: showFaceMatches,
      filters: {
        ...(await facts(ofMatches)),
        ...(await stored(ofMatches, 'face_id')),
        ...(await stored(ofMatches, 'external_face_id')),
        ...(await stored(ofMatches, 'collection_id')),
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
    },
    {
      name: '/v1/compliance-alerts',
      operation: showComplianceAlerts,
      filters: {
        ...(await facts(ofAlerts)),
        ...(await stored(ofAlerts, 'severity')),
        ...(await stored(ofAlerts, 'category')),
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
    },
    {
      name: '/v1/deliveries',
      operation: showDeliveries,
      filters: {
        ...listed('state', deliveryStates),
        ...(await stored(ofDeliveries, 'reason')),
        ...listed('kind', eventKinds),
        ...(await stored(ofDeliveries, 'vendor_kind')),
        ...listed('source', sources),
        ...listed('decision', decisions),
        ...listed('account', accounts),
        ...(await stored(ofDeliveries, 'session_id')),
        ...(await stored(ofSessions, 'reference_id')),
        ...listed('admission', admissions),
        ...(await stored(ofDeliveries, 'webhook_id')),
        ...(await stored(ofDeliveries, 'trace_id')),
        ...time(''),
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
    },
  ];
}

/** What is asked for with each other: one query that holds them all. */
export function together(...cases: readonly Case[]): Case {
  return (turn) => Object.assign({}, ...cases.map((one, place) => one(turn + place * 7)));
}

/** Asks for five hundred sessions by their ids, as the route for that does; one in ten is not known. */
export async function lookUpMany(db: Queries, turn: number): Promise<void> {
  const ids = Array.from({ length: 500 }, (_, place) => {
    const name = place % 10 === 0 ? 'unknown' : `session-${1 + ((turn * 7_919 + place * 104_729) % 50_000)}`;
    return formatUuid(createHash('md5').update(name).digest('hex'));
  });
  await lookUpSessions(db, ids as SessionId[], undefined);
}

function formatUuid(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

// A sort stands beside a filter as one more parameter.
export function sortedBy(sort: string): Case {
  return () => ({ sort });
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
