// A queue whose store refuses, falls silent or fails in the worst moment: jobs are heard again once the store is well, and
// nothing is left behind at it.
import { Redis } from 'ioredis';
import { expect, inject, test } from 'vitest';
import type { Database } from '../../src/db/connect.ts';
import { createAnnouncer } from '../../src/queue/announce.ts';
import { createQueueBackend, type QueueBackendOptions } from '../../src/queue/backend.ts';
import { type Consumer, consume } from '../../src/queue/consume.ts';
import { connectTo } from '../support/connect-to.ts';
import { createTestDatabase, runAsAdmin } from '../support/database.ts';
import { startRedis } from '../support/redis-server.ts';
import { silent } from '../support/service.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { useUndo } from '../support/undo.ts';
import { until } from '../support/until.ts';

const undo = useUndo();

const id = '00000000-0000-7000-8000-000000000000';

interface Heard {
  readonly consumer: Consumer;
  count: number;
  /** How often a worker was thrown away for its errors. */
  thrownAway: number;
  announce(): Promise<boolean>;
}

async function hear(
  options: Partial<QueueBackendOptions>,
  concurrency: number,
  handle: () => Promise<void> = async () => {},
): Promise<Heard> {
  const count = (_: object, message: string) => {
    if (message.includes('connecting anew')) heard.thrownAway += 1;
  };
  const log = { ...silent, warn: count, debug: count } as typeof silent;
  const backend = createQueueBackend({
    redisUrl: undefined,
    databaseUrl: '',
    prefix: `comes-back-${process.pid}`,
    log,
    ...options,
  });
  undo.push(() => backend.disconnect());
  const consumer = consume(
    backend,
    async () => {
      heard.count += 1;
      await handle();
    },
    { lane: 'live', concurrency, log },
  );
  undo.push(() => consumer.close());
  const announcer = createAnnouncer(backend, {
    batchMaxIds: 1_000,
    lateAfterMs: Number.MAX_SAFE_INTEGER,
    now: () => new Date(),
    timeoutMs: 2_000,
    log,
    onFailure: () => {},
  });
  undo.push(() => announcer.close());
  await announcer.opened;
  const heard: Heard = { consumer, count: 0, thrownAway: 0, announce: () => announcer.announce([id]) };
  return heard;
}

/** Announces again and again until one more is heard. */
const isHeardAgain = (heard: Heard) => {
  const before = heard.count;
  return until(async () => (await heard.announce()) && heard.count > before, {
    describe: 'a ring is heard',
  });
};

async function isQuiet(db: Database): Promise<boolean | undefined> {
  const [row] = await db.query<{ isQuiet: boolean }>({
    text: `select max(query_start) < clock_timestamp() - interval '500 ms' as "isQuiet"
           from pg_stat_activity where datname = current_database() and application_name = 'ilive-webhooks queue'`,
  });
  return row?.isQuiet;
}

async function makeDatabase(): Promise<string> {
  const database = await createTestDatabase(inject('postgresUrl'));
  undo.push(database.drop);
  return database.url;
}

test('a Redis that refuses writes is left with no more connections each time a worker is thrown away', async () => {
  const redis = await startRedis();
  undo.push(redis.stop);
  const look = new Redis(redis.url);
  undo.push(() => look.disconnect());
  const countConnections = async () =>
    String(await look.client('LIST'))
      .trim()
      .split('\n').length;

  await look.config('SET', 'maxmemory', '1');
  const heard = await hear({ redisUrl: redis.url }, 4);
  await until(() => heard.thrownAway >= 4);
  await look.config('SET', 'maxmemory', '0');
  await isHeardAgain(heard);
  // Ours, one for each lane's bell, and the worker's two.
  await until(async () => (await countConnections()) <= 5, { describe: 'no connection is left behind' });
});

test('a worker that is thrown away while it waits for a job is opened anew', async () => {
  const url = await makeDatabase();
  const concurrency = 12;
  let release = Promise.withResolvers<void>();
  release.resolve();
  const heard = await hear({ databaseUrl: url }, concurrency, () => release.promise);
  undo.push(() => release.resolve());
  await until(() => heard.announce());
  await until(() => heard.count === 1);
  release = Promise.withResolvers();
  for (let count = 1; count < concurrency; count += 1) await until(() => heard.announce());
  await until(() => heard.count === concurrency);
  const db = connectTo(url);
  undo.push(() => db.close());
  await until(() => isQuiet(db), { describe: 'it waits for one more job' });

  await runAsAdmin(url, 'alter schema bullmq rename to gone');
  release.resolve(); // none of the jobs can be ended, which is more than ten errors at once
  await until(() => heard.thrownAway > 0);
  await runAsAdmin(url, 'alter schema gone rename to bullmq');
  await isHeardAgain(heard);
  await heard.consumer.close();
});

test('connections to Postgres that have fallen silent are given up, and rings and workers go on with new ones', async () => {
  const url = new URL(await makeDatabase());
  const wire = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
  undo.push(wire.close);
  url.port = String(wire.port);
  const heard = await hear({ databaseUrl: url.href, silenceMs: 1_000 }, 4);
  await isHeardAgain(heard);
  wire.strand();
  await isHeardAgain(heard);
});

test('all queues and workers of a process share six connections to Postgres, and leave nothing on their pool', async () => {
  const databaseUrl = await makeDatabase();
  const warnings: string[] = [];
  const hearWarning = ({ name }: Error) => void warnings.push(name);
  process.on('warning', hearWarning);
  undo.push(() => process.off('warning', hearWarning));
  const gate = Promise.withResolvers<void>();
  const heard = await hear({ databaseUrl }, 12, () => gate.promise);
  undo.push(() => gate.resolve());
  const backend = createQueueBackend({
    redisUrl: undefined,
    databaseUrl,
    prefix: `shares-${process.pid}`,
    log: silent,
  });
  undo.push(() => backend.disconnect());
  for (let opened = 0; opened < 12; opened += 1) {
    const worker = await backend.openWorker('shared', async () => {}, {});
    await worker?.close();
  }
  await Promise.all(Array.from({ length: 12 }, () => heard.announce()));
  await until(() => heard.count > 0);
  gate.resolve();
  await isHeardAgain(heard);
  const db = connectTo(databaseUrl);
  undo.push(() => db.close());
  const [row] = await db.query<{ count: number }>({
    text: `select count(*)::int as count from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
  });
  expect(row?.count).toBeLessThanOrEqual(2 * 6);
  expect(warnings).toEqual([]);
});

test('a worker is thrown away also where the connection that it listens on has fallen silent', async () => {
  const databaseUrl = await makeDatabase();
  const url = new URL(databaseUrl);
  const wire = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
  undo.push(wire.close);
  url.port = String(wire.port);
  const concurrency = 12;
  const gate = Promise.withResolvers<void>();
  const heard = await hear({ databaseUrl: url.href, silenceMs: 1_000 }, concurrency, () => gate.promise);
  undo.push(() => gate.resolve());
  for (let count = 0; count < concurrency; count += 1) await until(() => heard.announce());
  await until(() => heard.count === concurrency);

  wire.strand();
  await runAsAdmin(databaseUrl, 'alter schema bullmq rename to gone');
  gate.resolve(); // none of the jobs can be ended, which is more than ten errors at once
  await until(() => heard.thrownAway > 0);
  await runAsAdmin(databaseUrl, 'alter schema gone rename to bullmq');
  await isHeardAgain(heard);
});
