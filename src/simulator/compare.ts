// The tables as the service shows them, against the oracle: what is missing, what is there and must not be, and what
// differs, each as a sentence. Pure. It looks at every row that carries the run's mark, so that a row nobody expected is
// found as surely as one that is absent.
import type { Expectation, ExpectedFact } from './oracle.ts';
import type { Row, Tables } from './read-tables.ts';
import type { ExpectedSession } from './standing.ts';

/** Every difference, in plain words; none when the tables are exactly as they must be. */
export function compare(expectation: Expectation, tables: Tables): string[] {
  return [
    ...expectation.wrongAnswers,
    ...compareSessions(expectation, tables),
    ...compareDetails(expectation, tables.sessionDetails),
    ...compareFacts('face match', 'match_id', expectation.faceMatches, tables.faceMatches, expectation),
    ...compareFacts(
      'compliance alert',
      'alert_id',
      expectation.complianceAlerts,
      tables.complianceAlerts,
      expectation,
    ),
    ...compareDeliveries(expectation, tables.deliveries),
  ];
}

function compareSessions({ sessions, ghostSessionIds, undecided }: Expectation, tables: Tables): string[] {
  const rows = new Map(tables.sessions.map((row) => [String(row.session_id), row]));
  const ghosts = new Set(ghostSessionIds);
  const missingOrUnlike = [...sessions].flatMap(([id, expected]) => {
    if (undecided.has(id)) return [];
    const row = rows.get(id);
    return row === undefined
      ? [`session ${id} is missing`]
      : unlike(`session ${id}`, sessionFields(expected), row);
  });
  const unexpected = [...rows.keys()]
    .filter((id) => !sessions.has(id) && !undecided.has(id))
    .map((id) =>
      ghosts.has(id)
        ? `session ${id} exists, although only refused or unreadable messages name it`
        : `session ${id} exists, although nobody spoke of it`,
    );
  const settledBy = [...sessions].flatMap(([id, expected]) => {
    const by = rows.get(id)?.settled_by;
    if (undecided.has(id) || expected.settledBy.length === 0 || by === undefined) return [];
    return expected.settledBy.includes(String(by))
      ? []
      : [`session ${id}: settled by ${by}, which did not tell its verdict`];
  });
  return [...missingOrUnlike, ...settledBy, ...unexpected];
}

function sessionFields(expected: ExpectedSession): Record<string, unknown> {
  return {
    state: expected.state,
    verdict: expected.verdict,
    confidence: expected.confidence,
    verdict_at: expected.verdictAt,
    confirmation: expected.state === 'disputed' ? 'contradicted' : 'unconfirmed',
    ...(expected.referenceId === undefined ? {} : { reference_id: expected.referenceId }),
  };
}

// What a session's own page says: the same fields, and who told its verdict.
function compareDetails({ sessions, undecided }: Expectation, details: readonly Row[]): string[] {
  return details.flatMap((row) => {
    const id = String(row.session_id);
    const expected = sessions.get(id);
    if (undecided.has(id)) return [];
    if (expected === undefined) return [`session ${id} is found by its id, and must not exist`];
    const observations = Array.isArray(row.observations) ? (row.observations as Row[]) : [];
    const told = observations.map((observation) => String(observation.delivery_id));
    return [
      ...unlike(`session ${id} by its id`, sessionFields(expected), row),
      ...unlike(
        `session ${id} by its id`,
        { observations: [...expected.observedBy].sort() },
        { observations: told.sort() },
      ),
    ];
  });
}

function compareFacts(
  kind: string,
  idField: string,
  expected: readonly ExpectedFact[],
  rows: readonly Row[],
  { undecided }: Expectation,
): string[] {
  const rowOf = new Map(rows.map((row) => [String(row.delivery_id), row]));
  const isUndecided = (fields: Readonly<Record<string, unknown>>) =>
    [fields[idField], fields.session_id].some((id) => typeof id === 'string' && undecided.has(id));
  const explained = new Set<Row>();
  const differences = expected.flatMap((fact) => {
    const found = fact.deliveryIds.map((id) => rowOf.get(id)).filter((row) => row !== undefined);
    for (const row of found) explained.add(row);
    const [row] = found;
    if (isUndecided(fact.fields)) return [];
    if (row === undefined) return [`${fact.name} is missing`];
    return [
      ...(found.length > 1 ? [`${fact.name} has ${found.length} rows`] : []),
      ...unlike(fact.name, fact.fields, row),
    ];
  });
  const unexpected = rows
    .filter((row) => !explained.has(row) && !isUndecided(row))
    .map((row) => `${kind} ${row[idField]} exists, although nobody spoke of it`);
  return [...differences, ...unexpected];
}

function compareDeliveries(expectation: Expectation, rows: readonly Row[]): string[] {
  const byId = new Map(rows.map((row) => [String(row.delivery_id), row]));
  const disputing = new Set(expectation.disputes.flat());
  const differences = [...expectation.deliveries].flatMap(([id, { name, webhookId, state, reason }]) => {
    const row = byId.get(id);
    const title = `delivery ${id} (${name})`;
    if (row === undefined) return [`${title} is missing, although it was accepted`];
    const outcome = disputing.has(id) ? {} : { state, reason };
    return unlike(title, { webhook_id: webhookId, source: 'webhook', ...outcome }, row);
  });
  const disputes = expectation.disputes.flatMap((ids) => {
    const outcomes = ids.map((id) => `${byId.get(id)?.state} ${byId.get(id)?.reason ?? ''}`.trim());
    const parkedCount = outcomes.filter((outcome) => outcome === 'parked disputed').length;
    const isRight =
      parkedCount === 1 && outcomes.filter((outcome) => outcome === 'done').length === ids.length - 1;
    return isRight
      ? []
      : [
          `of the contradicting deliveries ${ids.join(', ')} one must be parked; they are ${outcomes.join(', ')}`,
        ];
  });
  const unexpected = rows
    .filter((row) => !expectation.deliveries.has(String(row.delivery_id)))
    .filter((row) => !expectation.undecided.has(String(row.webhook_id)))
    .map((row) => `delivery ${row.delivery_id} is stored, although it was never accepted`);
  return [...differences, ...disputes, ...unexpected];
}

// Sentences for the fields in which `row` is not as expected.
function unlike(title: string, expected: Readonly<Record<string, unknown>>, row: Row): string[] {
  return Object.entries(expected)
    .filter(([field, value]) => sorted(value) !== sorted(row[field]))
    .map(([field, value]) => `${title}: ${field} is ${sorted(row[field])} and must be ${sorted(value)}`);
}

// Objects come back with their fields in any order.
function sorted(value: unknown): string {
  return (
    JSON.stringify(value, (_, inner: unknown) =>
      typeof inner === 'object' && inner !== null && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
        : inner,
    ) ?? 'absent'
  );
}
