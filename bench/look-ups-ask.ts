// Asks an operation as a request would, without a server: what it reads, which statement it makes of it and how it answers
// are its own, so that what is measured or explained here is what a caller gets. Before each statement the database is asked
// how it answers it, and how long that takes.

import pg from 'pg';
import { type Queries, settingsOf } from '../src/db/connect.ts';
import { drizzle } from '../src/db/drizzle.ts';
import type { Operation } from '../src/http/operation.ts';

export type Query = Readonly<Record<string, string>>;

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly Plans?: readonly PlanNode[];
}

export interface Look {
  /** Planning and running it, by the database's own clock. */
  readonly databaseMs: number;
  /** Blocks of 8 KiB that it looked into. */
  readonly blocks: number;
  /** Tables that were read from end to end. */
  readonly scanned: readonly string[];
  /** From the question to its rows, as the service sees it. */
  readonly roundTripMs: number;
}

export interface Looker {
  /** One page: how it was found, and where the next one begins. */
  ask(operation: Operation, query: Query): Promise<{ look: Look; nextCursor: string | null }>;
  /** One function of `src/db`. */
  run(work: (db: Queries) => Promise<unknown>): Promise<Look>;
  close(): Promise<void>;
}

export async function connectLooker(url: string): Promise<Looker> {
  const client = new pg.Client({
    connectionString: url,
    options: settingsOf({ isReadOnly: true }),
  });
  await client.connect();
  const run = async (work: (db: Queries) => Promise<unknown>) => {
    const looks: Look[] = [];
    const watched = {
      query: async (statement: pg.QueryConfig, values: unknown[]) => {
        const explained = await explain(client, statement.text, values);
        const began = performance.now();
        const result = await client.query(statement, values);
        looks.push({ ...explained, roundTripMs: performance.now() - began });
        return result;
      },
    };
    const db = { orm: async (of: (orm: unknown) => unknown) => of(drizzle(watched as never)) };
    await work(db as unknown as Queries);
    const [look, ...others] = looks;
    if (look === undefined || others.length > 0) throw new Error('a look-up is one statement');
    return look;
  };
  return {
    run,
    ask: async (operation, query) => {
      let nextCursor: string | null = null;
      const look = await run(async (db) => {
        const page = (await askOperation(operation, db, query)) as { next_cursor: string | null };
        nextCursor = page.next_cursor;
      });
      return { look, nextCursor };
    },
    close: () => client.end(),
  };
}

async function explain(
  client: pg.Client,
  text: string,
  values: unknown[],
): Promise<Omit<Look, 'roundTripMs'>> {
  const { rows } = await client.query({
    text: `explain (analyze, buffers, timing off, format json) ${text}`,
    values,
  });
  const [said] = rows[0]['QUERY PLAN'];
  const plan: PlanNode = said.Plan;
  const scans = nodesOf(plan).filter((node) => node['Node Type'] === 'Seq Scan');
  return {
    databaseMs: said['Planning Time'] + said['Execution Time'],
    blocks: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'],
    scanned: scans.map((node) => node['Relation Name'] ?? ''),
  };
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

async function askOperation(operation: Operation, db: Queries, query: Query): Promise<unknown> {
  let body: unknown;
  const keep = (sent: unknown) => {
    body = sent;
    return res;
  };
  const same = () => res;
  const res = { status: same, setHeader: same, type: same, json: keep, send: keep, end: keep };
  const [deps, req] = [
    { db, readDb: db },
    { query, params: {}, headers: {} },
  ];
  await operation.run(deps as never, req as never, res as never);
  return body;
}
