// The stores' part of the composition root: Postgres, the bundled one or another, with the pools that are opened in it, and the
// queue with the one that rings. A queue that is away is not waited for.
import { connect, type Database } from './db/connect.ts';
import { openDatabase } from './db/open.ts';
import { type Announcer, createAnnouncer } from './queue/announce.ts';
import { createQueueBackend, type QueueBackend } from './queue/backend.ts';
import type { Running } from './running.ts';

const connectTimeoutMs = 5_000;

export interface Stores {
  readonly databaseUrl: string;
  readonly connectPool: (name: string, statementTimeoutMs: number, maxConnections?: number) => Database;
  readonly backend: QueueBackend;
  readonly announcer: Announcer;
}

export async function openStores(running: Running): Promise<Stores> {
  const { config, log, metrics, now, undo } = running;
  const { url: databaseUrl, close: closeDatabase } = await openDatabase({
    url: config.database.url?.reveal(),
    dataDir: config.dataDir,
    log,
    onLost: running.onLost,
    isGivenUp: () => running.isStopping,
  });
  undo.push({ name: 'database', run: closeDatabase });
  const connectPool: Stores['connectPool'] = (name, statementTimeoutMs, maxConnections) => {
    const db = connect({
      url: databaseUrl,
      applicationName: `ilive-webhooks ${name}`,
      maxConnections: maxConnections ?? config.database.poolMax,
      connectTimeoutMs,
      statementTimeoutMs,
      goesByKeys: name === 'work',
      log,
    });
    undo.push({ name: `${name} database pool`, run: () => db.close() });
    return db;
  };
  const backend = createQueueBackend({
    redisUrl: config.queue.redisUrl?.reveal(),
    databaseUrl,
    prefix: config.queue.prefix,
    log,
  });
  undo.push({ name: 'queue connections', run: () => backend.disconnect() });
  const announcer = createAnnouncer(backend, {
    batchMaxIds: config.work.batchMaxDeliveries,
    lateAfterMs: config.work.lateAfterMs,
    timeoutMs: config.queue.announceTimeoutMs,
    log,
    now,
    onFailure: () => metrics.ringsFailed.inc(),
  });
  undo.push({ name: 'announcer', run: () => announcer.close() });
  return { databaseUrl, connectPool, backend, announcer };
}
