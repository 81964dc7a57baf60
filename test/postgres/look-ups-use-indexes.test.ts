// Every filter and every order that a list declares is served by an index. The statements are those of the operations
// themselves, over tables so large that the planner has a choice; a parameter that is declared and not tried here fails.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectLooker, type Looker, type Query } from '../../bench/look-ups-ask.ts';
import { type Case, casesOf, findCases, type List, lookUpMany } from '../../bench/look-ups-cases.ts';
import { fillTables } from '../../bench/look-ups-rows.ts';
import { connectTo } from '../support/connect-to.ts';
import { useTestDatabase } from '../support/test-database.ts';

const sessionCount = 40_000;
const bigTables = ['sessions', 'deliveries', 'observations', 'face_matches', 'compliance_alerts'];
// A page of 50 rows behind a good index looks into some hundred blocks. An index that leads past most rows of a table before
// a page is full is no sequential scan, and just as slow: it looks into thousands.
const blocksMax = 1_200;
// As many as the longest list of words has, so that each word is tried.
const turns = 8;

const testDatabase = useTestDatabase();
let looker: Looker;
let lists: readonly List[];

beforeAll(async () => {
  const now = new Date();
  const db = connectTo(testDatabase.url, { maxConnections: 1, statementTimeoutMs: 60_000 });
  try {
    await fillTables(db, { sessions: sessionCount, now });
    lists = await findCases(db, now);
  } finally {
    await db.close();
  }
  looker = await connectLooker(testDatabase.url);
});

afterAll(() => looker.close());

const names = ['/v1/sessions', '/v1/face-matches', '/v1/compliance-alerts', '/v1/deliveries'] as const;

function listOf(name: string): List {
  const list = lists.find((one) => one.name === name);
  if (list === undefined) throw new Error(`${name} has cases`);
  return list;
}

/** What is wrong with how the database finds the first page, and the one after it. */
async function complaintsOf({ operation }: List, query: Query): Promise<string[]> {
  const complaints: string[] = [];
  const ask = async (asked: Query) => {
    const { look, nextCursor } = await looker.ask(operation, asked);
    const table = look.scanned.find((scanned) => bigTables.includes(scanned));
    const what = new URLSearchParams(asked);
    if (table !== undefined) complaints.push(`${what} reads all of ${table}`);
    else if (look.blocks > blocksMax) complaints.push(`${what} looks into ${look.blocks} blocks`);
    return nextCursor;
  };
  const cursor = await ask(query);
  if (cursor !== null) await ask({ ...query, cursor });
  return complaints;
}

async function complaintsOfAll(list: List, caseOf: Case): Promise<string[]> {
  const queries = Array.from({ length: turns }, (_, turn) => caseOf(turn));
  const distinct = new Map(queries.map((query) => [JSON.stringify(query), query]));
  const complaints: string[] = [];
  for (const query of distinct.values()) complaints.push(...(await complaintsOf(list, query)));
  return complaints;
}

test.each(names)('every parameter that %s declares is tried here', (name) => {
  const { operation, filters } = listOf(name);
  const tried = Object.values(filters).flatMap((caseOf) => Object.keys(caseOf(0)));
  const others = ['sort', 'limit', 'cursor', 'fields'];
  expect([...tried, ...others].sort()).toEqual(Object.keys(operation.query).sort());
});

test.each(names)(
  'each filter and each order of %s is served by an index, alone and together',
  async (name) => {
    const list = listOf(name);
    const complaints: string[] = [];
    for (const [, caseOf] of casesOf(list)) complaints.push(...(await complaintsOfAll(list, caseOf)));
    expect(complaints).toEqual([]);
  },
);

// As many as are a small part of these: five hundred of forty thousand are read as fast in one go, and Postgres 15 does.
test('many sessions are looked up by their key', async () => {
  const look = await looker.run((db) => lookUpMany(db, 1, 100));
  expect(look.scanned).toEqual([]);
});
