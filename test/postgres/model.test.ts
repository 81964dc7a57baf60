// Guarantees 5 to 8, 11, 13 and 14 together against the real database: the same things told end in the same rows, whatever
// way they came in, whatever was repeated, lost, rolled back, replayed or asked about meanwhile. `npm run model` lives through
// more lives than this; a failure names its seed and path.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findDeliveryIds } from '../../src/db/find-deliveries.ts';
import type { DeliveryId, SessionId } from '../../src/events/event.ts';
import { emptyTables } from '../support/empty-tables.ts';
import { type Act, acts, live } from '../support/lives.ts';
import { type Message, messageSets, outcomeOf, receivedAtOf } from '../support/messages.ts';
import { useTestDatabase } from '../support/test-database.ts';

const testDatabase = useTestDatabase();
const { MODEL_RUNS = '100', MODEL_SEED, MODEL_PATH } = process.env;
const runs = Number(MODEL_RUNS);

// When we came round to something, what we mean to ask when, how a refused one got in, and the name that a session was
// registered under, which is noted only where no statement had told one before: times and ways of our own.
const ownColumns = [
  ...['known_at', 'settled_at', 'next_pull_at', 'pull_attempts', 'pull_lease_until', 'pulled_at'],
  ...['waited_until', 'finished_at', 'attempts', 'admission', 'detail', 'superseded_at'],
  'registered_reference_id',
];

const tables = ['sessions', 'observations', 'face_matches', 'compliance_alerts', 'fact_versions'];

type Row = Record<string, unknown>;
type Rows = Record<string, Row[]>;

/** All rows, with each delivery's id replaced by the number of the message that it is. */
async function rowsOf(): Promise<Rows> {
  const { db } = testDatabase;
  const read = async (from: string) => {
    const text = `select to_jsonb(t) as row from ${from} t`;
    return (await db.query<{ row: Row }>({ text })).map(({ row }) => row);
  };
  const deliveries = await read(
    '(select d.*, b.body, b.headers from deliveries d left join delivery_bodies b on b.delivery_id = d.id)',
  );
  const messages = new Map(deliveries.map((row) => [String(row.id), messageOf(row)]));
  const named: Rows = { deliveries: deliveries.map((row) => withoutOrder(numbered(row, messages))) };
  for (const table of tables) named[table] = (await read(table)).map((row) => numbered(row, messages));
  named.fact_versions = firstOlder(named);
  return Object.fromEntries(
    Object.entries(named).map(([table, rows]) => [table, rows.toSorted((a, b) => compareTexts(a, b))]),
  );
}

/**
 * What once stood is kept, and that hangs on the order. But of each earlier moment there must be the one that a question
 * about that moment finds: the first received. The alert of our own is told from the observations
 * instead, and the status of any from what was done about it.
 */
function firstOlder({ fact_versions = [], face_matches = [], compliance_alerts = [] }: Rows): Row[] {
  const placeOf = (row: Row) => `${row.account} ${row.match_id ?? row.alert_id ?? row.fact_id}`;
  const standing = new Map(
    [...face_matches, ...compliance_alerts].map((row) => [placeOf(row), row.occurred_at]),
  );
  const firsts = new Map<string, Row>();
  for (const row of fact_versions.toSorted((a, b) =>
    compareTexts({ id: a.delivery_id }, { id: b.delivery_id }),
  )) {
    const { status: _, ...statement } = row.row as Row;
    const { occurred_at: at, category } = statement;
    const moment = `${row.kind} ${placeOf(row)} ${at}`;
    const isKept = category !== 'verdict_dispute' && at !== standing.get(placeOf(row));
    if (isKept && !firsts.has(moment)) firsts.set(moment, { ...row, row: statement });
  }
  return [...firsts.values()];
}

const compareTexts = (a: Row, b: Row) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

/** Each message has a second of receipt of its own. */
function messageOf(row: Row): string {
  const first = receivedAtOf(0).getTime();
  return `message ${(new Date(String(row.received_at)).getTime() - first) / 1_000}`;
}

/** Without our own times; a moment that is kept within JSON has two spellings, by whether SQL or we put it there. */
function numbered(row: Row, messages: ReadonlyMap<string, string>): Row {
  const text = JSON.stringify(row, (name, value) => (ownColumns.includes(name) ? undefined : value));
  return JSON.parse(
    text
      .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => messages.get(id) ?? id)
      .replaceAll(/(:\d\d)(\.0+)?(Z|\+00:00)"/g, '$1Z"'),
  );
}

// What was decided about a delivery hangs on what came before it: which of two repeats the other, which of two that
// contradict each other is parked for it.
function withoutOrder(row: Row): Row {
  const { decision: _, ...rest } = row;
  return rest.reason === 'disputed' ? { ...rest, state: 'done', reason: null } : rest;
}

const messagesIn = (rows: Row[] | undefined, column: string) =>
  (rows ?? []).map((row) => Number(String(row[column]).replace('message ', ''))).sort((a, b) => a - b);

function expectOutcome(rows: Rows, messages: readonly Message[]): void {
  const expected = outcomeOf(messages);
  expect(rows.deliveries).toHaveLength(expected.deliveriesCount);
  expect(rows.deliveries?.filter(({ state }) => state === 'received')).toEqual([]);
  expect(messagesIn(rows.observations, 'delivery_id')).toEqual(expected.observed);
  expect(messagesIn(rows.face_matches, 'delivery_id')).toEqual(expected.faceMatches);
  const ownAlert = (row: Row) => row.category === 'verdict_dispute';
  const alerts = rows.compliance_alerts?.filter((row) => !ownAlert(row));
  expect(messagesIn(alerts, 'delivery_id')).toEqual(expected.alerts);
  const sessions = (rows.sessions ?? []).map(({ account, session_id }) => `${account} ${session_id}`).sort();
  expect(sessions).toEqual(expected.sessions);
  for (const row of rows.sessions ?? []) {
    const own = (rows.observations ?? []).filter(
      ({ account, session_id }) => account === row.account && session_id === row.session_id,
    );
    expect(own.length > 0 ? ['settled', 'disputed'] : ['expected']).toContain(row.state);
    if (own.length > 0) expect(own.map(({ verdict }) => verdict)).toContain(row.verdict);
  }
}

// By an index that does not hold all of them.
async function expectFound(): Promise<void> {
  const { db } = testDatabase;
  const told = await db.query<{ sessionId: SessionId; ids: DeliveryId[] }>({
    text: `select session_id as "sessionId", array_agg(id order by id) as ids from deliveries
           where session_id is not null group by session_id`,
  });
  const stretch = { after: null, upTo: 'ffffffff-ffff-ffff-ffff-ffffffffffff' as DeliveryId, limit: 1_000 };
  for (const { sessionId, ids } of told) {
    expect(await findDeliveryIds(db, { sessionId }, stretch)).toEqual(ids);
  }
}

test(`guarantee 6, guarantee 7, guarantee 11: ${runs} lives of the same things told end in the same rows`, async () => {
  const { db } = testDatabase;
  const life = fc.array(fc.record<Act>({ do: fc.constantFrom(...acts), pick: fc.nat(80) }), {
    maxLength: 16,
    size: 'max',
  });
  const reproduced = {
    ...(MODEL_SEED === undefined ? {} : { seed: Number(MODEL_SEED) }),
    ...(MODEL_PATH === undefined ? {} : { path: MODEL_PATH }),
  };
  await fc.assert(
    fc.asyncProperty(messageSets, life, async (messages, acted) => {
      await emptyTables(db);
      await live(db, messages, []);
      const expected = await rowsOf();
      expectOutcome(expected, messages);
      await emptyTables(db);
      await live(db, messages, acted);
      expect(await rowsOf()).toEqual(expected);
      await expectFound();
    }),
    { numRuns: runs, ...reproduced },
  );
}, 86_400_000);
