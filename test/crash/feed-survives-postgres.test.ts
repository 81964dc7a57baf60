// What a reader of the change feed has seen is there for good: no crash of Postgres takes it back, or what comes after it would
// stand before the reader's cursor, and never be seen.
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readChanges, readFeedBounds } from '../../src/db/changes.ts';
import type { Database } from '../../src/db/connect.ts';
import { startEmbeddedPostgres } from '../../src/db/embedded.ts';
import { migrate } from '../../src/db/migrate.ts';
import type { Log } from '../../src/log.ts';
import { runReplays } from '../../src/operations/run-replays.ts';
import { connectTo } from '../support/connect-to.ts';
import { begin, process as processNow, runDependencies, store } from '../support/replaying.ts';
import { silent, verdictPayload } from '../support/service.ts';

const parkedCount = 8;
const rules = { aliases: { 'verdict.of.tomorrow': 'liveness.verdict' }, batch: 1 };

async function withPostgres(work: (db: Database, crash: () => Promise<void>) => Promise<void>) {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'ilive-feed-'));
  await chmod(dataDir, 0o711); // as root, Postgres runs as another user and has to get through
  const { promise: restarted, resolve } = Promise.withResolvers<void>();
  const log: Log = {
    ...silent,
    warn: (_facts: unknown, message?: unknown) => {
      if (message === 'the bundled Postgres was restarted') resolve();
    },
  };
  // What is not waited for stays in memory for as long as Postgres lets it.
  const postgres = await startEmbeddedPostgres({ dataDir, log, settings: { wal_writer_delay: '10s' } });
  await migrate(postgres.url);
  const db = connectTo(postgres.url);
  const crash = async () => {
    const [pid] = (await readFile(path.join(dataDir, 'pg18', 'postmaster.pid'), 'utf8')).split('\n');
    process.kill(Number(pid), 'SIGKILL');
    await restarted;
  };
  try {
    await work(db, crash);
  } finally {
    await db.close();
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

test('guarantee 22: a replay’s changes that a reader has seen outlive Postgres, and what comes after them is seen', async () => {
  await withPostgres(async (db, crash) => {
    const { droppedThrough: start } = await readFeedBounds(db);
    const payloads = Array.from({ length: parkedCount }, () =>
      verdictPayload({ event: 'verdict.of.tomorrow' }),
    );
    await processNow(db, await store(db, payloads));
    await begin(db, rules);
    const isOver = new AbortController();
    let batches = 0;
    const wait = async () => {
      batches += 1;
      if (batches < parkedCount) return;
      isOver.abort();
      seen = await read(start);
      await crash();
    };
    const read = async (after: typeof start) =>
      (await readChanges(db, after, 100)).changes.map(({ xid, seq, generation, sessionId }) => ({
        sessionId,
        place: { xid, seq, generation },
      }));
    let seen: Awaited<ReturnType<typeof read>> = [];
    await runReplays(runDependencies(db, rules, { wait }), isOver.signal);
    expect(seen.map(({ sessionId }) => sessionId)).toEqual(payloads.map((payload) => payload.session_id));

    const next = verdictPayload();
    await processNow(db, await store(db, [next]));
    const last = seen.at(-1)?.place ?? start;
    expect((await read(last)).map(({ sessionId }) => sessionId)).toEqual([next.session_id]);
    expect((await read(start)).slice(0, parkedCount)).toEqual(seen);
  });
});
