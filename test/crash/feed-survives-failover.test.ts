// A primary dies, and the standby that takes its place has not had its last commits. It gives the ids of their transactions to
// others: a reader who has seen them must be told of the others all the same.
import process from 'node:process';
import { expect, test } from 'vitest';
import { type FeedPosition, readChanges, readFeedBounds } from '../../src/db/changes.ts';
import type { Database } from '../../src/db/connect.ts';
import { migrate } from '../../src/db/migrate.ts';
import { connectTo } from '../support/connect-to.ts';
import { process as processNow, store } from '../support/replaying.ts';
import { startReplicated } from '../support/replica.ts';
import { verdictPayload } from '../support/service.ts';
import { useUndo } from '../support/undo.ts';
import { until } from '../support/until.ts';

const undo = useUndo();

/** Settles so many sessions, each in a transaction of its own; gives their ids. */
async function settle(db: Database, count: number): Promise<string[]> {
  const payloads = Array.from({ length: count }, () => verdictPayload());
  for (const payload of payloads) await processNow(db, await store(db, [payload]));
  return payloads.map((payload) => payload.session_id);
}

async function follow(db: Database, after: FeedPosition) {
  const { changes } = await readChanges(db, after, 1_000);
  return { ids: changes.map(({ sessionId }) => sessionId), place: changes.at(-1) ?? after };
}

test('guarantee 22: a reader who has seen what a failover has lost is told of all that comes after it', async () => {
  const replicated = await startReplicated();
  undo.push(replicated.stop);
  const primary = connectTo(replicated.primaryUrl);
  const standby = connectTo(replicated.replicaUrl);
  undo.push(standby.close, primary.close);
  await migrate(replicated.primaryUrl);
  const { droppedThrough } = await readFeedBounds(primary);
  const kept = await settle(primary, 2);
  const lsn = 'select pg_current_wal_lsn()::text as lsn';
  const [end] = await primary.query<{ lsn: string }>({ text: lsn });
  const hasAll = { text: 'select pg_last_wal_replay_lsn() >= $1::pg_lsn as has', values: [end?.lsn] };
  await until(async () => (await standby.query<{ has: boolean }>(hasAll))[0]?.has);

  const [sender] = await primary.query<{ pid: number }>({ text: 'select pid from pg_stat_replication' });
  const senderPid = Number(sender?.pid);
  process.kill(senderPid, 'SIGSTOP');
  undo.push(async () => void process.kill(senderPid, 'SIGCONT'));
  const lost = await settle(primary, 5);
  const seen = await follow(primary, droppedThrough);
  expect(seen.ids).toEqual([...kept, ...lost]);

  await standby.query({ text: 'select pg_promote()' });
  const { changes } = await readChanges(standby, droppedThrough, 1_000);
  expect(changes.map(({ sessionId }) => sessionId)).toEqual(kept);
  const next = await settle(standby, 10);
  expect((await follow(standby, seen.place)).ids).toEqual(next);
  expect((await follow(standby, droppedThrough)).ids).toEqual([...kept, ...next]);
});
