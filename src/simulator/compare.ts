// The tables as the service shows them, against the oracle: what is missing, what is there and must not be, and what
// differs, each as a sentence. Pure. It looks at every row that carries the run's mark, so that a row nobody expected is
// found as surely as one that is absent.
import type { Expectation, ExpectedFact } from './oracle.ts';
import { disputeName, type Row, type Tables } from './read-tables.ts';
import type { ExpectedSession } from './standing.ts';

/** Every difference, in plain words; none when the tables are exactly as they must be. */
export function compare(expectation: Expectation, given: Tables): string[] {
  const tables = withPullsNamed(given);
  const isDispute = ({ category }: Row) => category === 'verdict_dispute';
  return [
    ...expectation.wrongAnswers,
    ...compareSessions(expectation, tables),
    ...compareDetails(expectation, tables.sessionDetails),
    ...compareFacts('face match', 'match_id', expectation.faceMatches, tables.faceMatches, expectation),
    ...compareFacts(
      'compliance alert',
      'alert_id',
      expectation.complianceAlerts,
      tables.complianceAlerts.filter((row) => !isDispute(row)),
      expectation,
    ),
    ...compareDisputes(expectation, tables.complianceAlerts.filter(isDispute)),
    ...compareDeliveries(expectation, tables.deliveries),
  ];
}

// Only the service knows the id of what it asked for itself; here it goes by the session's name.
function withPullsNamed(tables: Tables): Tables {
  const names = new Map(
    tables.deliveries
      .filter(({ source }) => source === 'pull')
      .map((row) => [String(row.delivery_id), String(row.webhook_id)]),
  );
  const named = (id: unknown) => names.get(String(id)) ?? id;
  const renamed = (row: Row): Row => ({
    ...row,
    ...('delivery_id' in row ? { delivery_id: named(row.delivery_id) } : {}),
    ...('settled_by' in row ? { settled_by: named(row.settled_by) } : {}),
    ...(Array.isArray(row.observations) ? { observations: (row.observations as Row[]).map(renamed) } : {}),
  });
  const { sessions, sessionDetails, deliveries } = tables;
  return {
    ...tables,
    sessions: sessions.map(renamed),
    sessionDetails: sessionDetails.map(renamed),
    deliveries: deliveries.map(renamed),
  };
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
    const row = rows.get(id);
    return undecided.has(id) || row === undefined ? [] : compareSettling(id, expected, row);
  });
  return [...missingOrUnlike, ...settledBy, ...unexpected];
}

// The row shows the verdict as the delivery told it that settled the session, and no other.
function compareSettling(id: string, { settledBy }: ExpectedSession, row: Row): string[] {
  if (settledBy.length === 0) return unlike(`session ${id}`, { confidence: null, verdict_at: null }, row);
  const by = settledBy.find(({ deliveryId }) => deliveryId === row.settled_by);
  if (by === undefined)
    return [`session ${id}: settled by ${row.settled_by}, which did not tell its verdict`];
  return unlike(
    `session ${id}`,
    { confidence: by.confidence, verdict_at: by.verdictAt, settled_source: by.source },
    row,
  );
}

function sessionFields(expected: ExpectedSession): Record<string, unknown> {
  return {
    state: expected.state,
    verdict: expected.verdict,
    confirmation: expected.confirmation,
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
      ...compareSettling(id, expected, row),
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

// The alert that the service raises itself when two statements about a session are at odds.
function compareDisputes({ contradicted, undecided }: Expectation, rows: readonly Row[]): string[] {
  const rowOf = new Map(rows.map((row) => [String(row.session_id), row]));
  const judged = [...contradicted].filter((id) => !undecided.has(id));
  return [
    ...judged.flatMap((id) => {
      const row = rowOf.get(id);
      if (row === undefined) return [`session ${id} was contradicted, and no alert says so`];
      return unlike(`the dispute about ${id}`, { alert_id: disputeName(id), severity: 'high' }, row);
    }),
    ...[...rowOf.keys()]
      .filter((id) => !contradicted.has(id) && !undecided.has(id))
      .map((id) => `an alert says that session ${id} was contradicted, and it was not`),
  ];
}

function compareDeliveries(expectation: Expectation, rows: readonly Row[]): string[] {
  const byId = new Map(rows.map((row) => [String(row.delivery_id), row]));
  const disputing = new Set(expectation.parkings.flatMap(({ deliveryIds }) => deliveryIds));
  const differences = [...expectation.deliveries].flatMap(
    ([id, { name, webhookId, source, state, reason }]) => {
      const row = byId.get(id);
      const title = `delivery ${id} (${name})`;
      if (row === undefined) return [`${title} is missing, although it was accepted`];
      const outcome = disputing.has(id) ? {} : { state, reason };
      return unlike(title, { webhook_id: webhookId, source, ...outcome }, row);
    },
  );
  const disputes = expectation.parkings.flatMap(({ deliveryIds, atLeast, atMost }) => {
    const outcomes = deliveryIds.map((id) => `${byId.get(id)?.state} ${byId.get(id)?.reason ?? ''}`.trim());
    const parked = outcomes.filter((outcome) => outcome === 'parked disputed').length;
    const done = outcomes.filter((outcome) => outcome === 'done').length;
    const isRight = parked >= atLeast && parked <= atMost && parked + done === outcomes.length;
    const span = atLeast === atMost ? String(atLeast) : `${atLeast} to ${atMost}`;
    const ids = deliveryIds.join(', ');
    return isRight
      ? []
      : [`of the contradicting deliveries ${ids} ${span} must be parked; they are ${outcomes.join(', ')}`];
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
