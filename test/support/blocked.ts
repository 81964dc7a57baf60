// Two that meet at one row or lock, in an order that a test chooses: what waits for a lock in this database is a fact that can
// be waited for.
import { expect } from 'vitest';
import type { Database } from '../../src/db/connect.ts';
import { process, store } from './replaying.ts';
import { until } from './until.ts';

/** How many wait for a lock in this database; other test files have databases of their own. */
export async function countBlocked(db: Database): Promise<number> {
  const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  return (await db.query({ text: waiting })).length;
}

export interface Begun<T> {
  readonly ended: Promise<T>;
  readonly isBlocked: boolean;
}

/** Begins `work` and goes on as soon as it waits for a lock, or is over without. */
export async function beginUntilBlocked<T>(db: Database, work: () => Promise<T>): Promise<Begun<T>> {
  const before = await countBlocked(db);
  let isOver = false;
  const ended = work().finally(() => {
    isOver = true;
  });
  ended.catch(() => {}); // whoever waits for it is told
  await until(async () => isOver || (await countBlocked(db)) > before);
  return { ended, isBlocked: !isOver };
}

const idColumns = {
  sessions: 'session_id',
  face_matches: 'match_id',
  compliance_alerts: 'alert_id',
} as const;

/** Begins `work` while a batch of the payloads has begun to write and waits for the first row that it is to change. */
export async function whileABatchWrites<T>(
  db: Database,
  payloads: readonly object[],
  first: { readonly table: keyof typeof idColumns; readonly id: string },
  work: () => Promise<T>,
): Promise<T> {
  const ids = await store(db, payloads);
  const [batch, begun] = await db.transaction(async (tx) => {
    await tx.query({
      text: `select from ${first.table} where ${idColumns[first.table]} = $1 for update`,
      values: [first.id],
    });
    return [await beginUntilBlocked(db, () => process(db, ids)), await beginUntilBlocked(db, work)];
  });
  expect(batch.isBlocked).toBe(true);
  await batch.ended;
  return begun.ended;
}
