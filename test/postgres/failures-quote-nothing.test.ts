// What is told of work that failed: enough to find the trouble by, and nothing of the delivery. The message of an error may quote
// a body, whether the database says it or a bug of ours.
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { findReplay } from '../../src/db/replays.ts';
import type { Log } from '../../src/log.ts';
import { runReplays } from '../../src/operations/run-replays.ts';
import { processDeliveries } from '../../src/workers/process-deliveries.ts';
import { begin, rulesOf, runDependencies, store } from '../support/replaying.ts';
import { verdictPayload } from '../support/service.ts';
import { useTestDatabase } from '../support/test-database.ts';

const testDatabase = useTestDatabase();
const { signal: never } = new AbortController();
const { ledger } = rulesOf({});

const ourFolder = path.join(import.meta.dirname, '../../src');
const brokenLedger = {
  ...ledger,
  get plan(): never {
    throw new SyntaxError(`no plan in {"reference_id":"a-person"}\n    at ${ourFolder}/a-person.ts:1:1`);
  },
};

const causes: [string, typeof ledger, RegExp][] = [
  ['the database', ledger, /SQLSTATE P0001$/],
  ['our own code', brokenLedger, /SyntaxError at reconcile\/ledger-rules\.ts:\d+:\d+$/],
];

let lines: unknown[][] = [];
const keep = (...line: unknown[]) => void lines.push(line);
const log: Log = { debug: keep, info: keep, warn: keep, error: keep };

beforeEach(async () => {
  lines = [];
  await testDatabase.db.query({
    text: 'truncate deliveries, delivery_bodies, replays, sessions, observations',
  });
});

function storeOne() {
  return store(testDatabase.db, [verdictPayload({ reference_id: 'a-person' })]);
}

async function whileSessionsAreRefused(work: () => Promise<void>): Promise<void> {
  await testDatabase.db.query({
    text: `create function refuse_it() returns trigger language plpgsql as
           $$ begin raise exception 'no session of %', new.reference_id; end $$`,
  });
  await testDatabase.db.query({
    text: 'create trigger refuse_it before insert on sessions for each row execute function refuse_it()',
  });
  try {
    await work();
  } finally {
    await testDatabase.db.query({ text: 'drop function refuse_it cascade' });
  }
}

const told = () => lines.map(([facts]) => JSON.stringify(facts, (_, value) => value?.stack ?? value));

test.each(causes)(
  'nothing that an error of %s quotes is stored of a delivery, or logged',
  async (_, by, why) => {
    const ids = await storeOne();
    const deps = {
      ...rulesOf({}),
      ledger: by,
      db: testDatabase.db,
      maxAttempts: 3,
      log,
      onFinished: () => {},
    };
    await whileSessionsAreRefused(() => processDeliveries(deps, ids));
    const [row] = await testDatabase.db.query<{ detail: string }>({ text: 'select detail from deliveries' });
    expect(row?.detail).toMatch(why);
    expect(told()).toEqual([expect.stringContaining(row?.detail ?? 'no detail')]);
    expect(told().join()).not.toContain('a-person');
  },
);

test.each(causes)('nothing that an error of %s quotes is stored of a replay', async (_, by, why) => {
  const { db } = testDatabase;
  const [id] = await storeOne();
  const replay = await begin(db);
  await whileSessionsAreRefused(() => runReplays(runDependencies(db, {}, { ledger: by, log }), never));
  const { failed, detail } = (await findReplay(db, replay)) ?? {};
  expect(failed).toBe(1);
  expect(detail).toMatch(why);
  expect(detail).toMatch(new RegExp(`^${id}: S`));
  expect(told().join()).not.toContain('a-person');
});

test('a replay that cannot go on is logged with its detail, and with nothing that the database quotes', async () => {
  const { db } = testDatabase;
  await storeOne();
  await begin(db);
  await db.query({ text: `update replays set filter = '{"ids":["a-person"]}'` });
  await runReplays(runDependencies(db, {}, { log }), never);
  expect(told()).toEqual([expect.stringContaining('SQLSTATE 22P02')]);
  expect(told().join()).not.toContain('a-person');
});
