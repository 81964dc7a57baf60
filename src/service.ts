// The composition root: the one place where the rooms meet. `start` brings up what the role needs, in the order in which
// each thing needs the one before; `stop` takes it down in the reverse, lets work in flight finish within the grace
// period, and may be called at any time and any number of times (guarantee 12). `leave` gives the proxy in front time to
// notice before that.
import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { createCipher } from './cipher.ts';
import type { Config } from './config.ts';
import type { Database } from './db/connect.ts';
import { processPoolName } from './db/connection-facts.ts';
import type { ApiDependencies } from './http/api.ts';
import { createApp } from './http/app.ts';
import { listen } from './http/listen.ts';
import { type LimitName, limitNames } from './http/rate-limit.ts';
import { createLog } from './log.ts';
import { beginAtZero, createMetrics } from './metrics.ts';
import { type Consumer, consume } from './queue/consume.ts';
import type { Overrides, Running } from './running.ts';
import { createServiceClock, type WatchClock } from './service-clock.ts';
import { letGo, startFollowing } from './service-follow.ts';
import { createApi, startPauses, startSecretRing } from './service-operator.ts';
import { startReads } from './service-reads.ts';
import { createExpectation, createReceiver, type ReceiverDoor } from './service-receiver.ts';
import { undoAll } from './service-stop.ts';
import { openStores, type Stores } from './service-stores.ts';
import { createVendorClient, type VendorClient } from './service-vendor.ts';
import { startWork, upkeepOf } from './service-worker.ts';
import { keepUp } from './workers/upkeep.ts';

export interface Service {
  /** Resolves once the service answers. Throws what keeps it from starting, with nothing left running. */
  start(): Promise<void>;
  /** Resolves once nothing of the service runs any more. */
  stop(): Promise<void>;
  /** Unready at once, and `stop` after SHUTDOWN_DELAY_SECONDS; sooner when `stop` is called meanwhile. */
  leave(): Promise<void>;
  /** Where it listens, such as `http://127.0.0.1:8080`; only after `start`. */
  address(): string;
}

const workStatementTimeoutMs = 30_000;
const refusalConnections = 1;
const replayConnections = 2;
const operateStatementTimeoutMs = 60_000;
const queueOpenDeadlineMs = 1_000;

export function createService(config: Config, overrides: Overrides = {}): Service {
  const log = overrides.log ?? createLog(config.logLevel);
  const { clock, watch } = createServiceClock(overrides, log);
  const running: Running = {
    config,
    cipher: createCipher(config.ledger.encryptionKeys),
    log,
    clock,
    now: clock.now,
    wait: overrides.wait ?? ((ms, signal) => wait(ms, undefined, signal === undefined ? {} : { signal })),
    onLost: overrides.onLost ?? (() => {}),
    shareMetrics: overrides.shareMetrics ?? ((own) => () => own.metrics()),
    metrics: createMetrics(),
    undo: [],
    isStopping: false,
    address: undefined,
  };
  let starting: Promise<void> | undefined;
  let stopping: Promise<void> | undefined;
  const noProxyIsWaitedFor = new AbortController();

  const stop = async () => {
    running.isStopping = true;
    await starting?.catch(() => {});
    await undoAll(running);
  };
  const stopOnce = () => {
    noProxyIsWaitedFor.abort();
    stopping ??= stop();
    return stopping;
  };
  return {
    start: () => {
      starting ??= startAll(running, watch).catch(async (error: unknown) => {
        await undoAll(running);
        throw error;
      });
      return starting;
    },
    stop: stopOnce,
    leave: async () => {
      running.isStopping = true;
      // Nothing is sent to a worker, nor to a door that is not open yet.
      if (config.role !== 'worker' && running.address !== undefined) {
        running.log.info({ delayMs: config.shutdownDelayMs }, 'unready; the proxy in front may notice');
        await wait(config.shutdownDelayMs, undefined, noProxyIsWaitedFor).catch(() => {});
      }
      return stopOnce();
    },
    address: () => {
      if (running.address === undefined) throw new Error('the service does not listen yet');
      return running.address;
    },
  };
}

async function startAll(running: Running, watchClock: WatchClock): Promise<void> {
  const { config, log } = running;
  const stores = await openStores(running);
  const { connectPool, backend, announcer } = stores;
  const processId = randomBytes(3).toString('hex');
  const readDb = connectPool(processPoolName(config.role, processId), workStatementTimeoutMs);
  await watchClock(running, readDb);
  // Before the door opens: a day's partition that is made while that day's rows come in refuses some of them.
  await keepUp(upkeepOf(running, readDb)).catch((error: unknown) =>
    log.warn(
      { err: error },
      'the partitions of the coming days could not be made; the default one takes their rows',
    ),
  );
  // A door that opens before the bell hangs leaves its first deliveries to the sweep; a queue that is away is not waited for.
  await Promise.race([announcer.opened, wait(queueOpenDeadlineMs, undefined, { ref: false })]);
  const client = createVendorClient(running, readDb);
  if (client === undefined)
    log.warn('ILIVE_API_KEY is not set: a verdict whose webhook is lost cannot be pulled');
  const front = config.role === 'worker' ? undefined : await createFront(running, stores, readDb, client);
  const closeDoor = await openDoor(running, readDb, front, backend.kind);
  if (config.role !== 'receiver') {
    const pools = {
      db: connectPool('work', workStatementTimeoutMs),
      replayDb: connectPool('replay', operateStatementTimeoutMs, replayConnections),
    };
    const pauses = await startPauses(running, pools.db);
    const consumers: Consumer[] = [];
    const stopTasks = startWork(running, { ...pools, pauses }, client, announcer, (lane, handler) =>
      consumers.push(consume(backend, handler, { lane, concurrency: config.work.concurrency, log })),
    );
    // All of it at once: while one is waited for the others take nothing new, and a store that is away is waited for once.
    const stopWork = async () =>
      void (await Promise.all([stopTasks(), ...consumers.map((consumer) => consumer.close())]));
    running.undo.push({ name: 'consumers of the queue and scheduled tasks', run: stopWork });
  }
  // Shut before the work is undone: nothing new comes in while that takes its time. What has come in is waited for behind it, and a
  // worker's door has nothing to keep out.
  if (front !== undefined) running.undo.push({ name: 'door', run: async () => void closeDoor() });
  log.info({ address: running.address, role: config.role, queue: backend.kind }, 'listening');
}

interface Front extends ReceiverDoor {
  readonly api: ApiDependencies;
  readonly canVerify: () => boolean;
}

// What takes deliveries and answers questions.
async function createFront(
  running: Running,
  { databaseUrl, connectPool, announcer }: Stores,
  readDb: Database,
  client: VendorClient | undefined,
): Promise<Front> {
  const operatorDb = connectPool('operate', operateStatementTimeoutMs);
  const ring = await startSecretRing(running, operatorDb);
  const parts = {
    ring,
    db: connectPool('receive', running.config.receive.commitTimeoutMs),
    refusalDb: connectPool('refusals', workStatementTimeoutMs, refusalConnections),
  };
  const door = await createReceiver(running, parts, announcer);
  const api = await createApi(running, {
    db: readDb,
    reads: await startReads(running, databaseUrl),
    commitDb: parts.db,
    databaseUrl,
    operatorDb,
    ring,
    follow: startFollowing(running, { databaseUrl, db: readDb }),
    expect: createExpectation(running, { db: readDb, ring, client }),
    client,
    announcer,
    lookAtOutage: door.lookAtOutage,
  });
  return { ...door, api, canVerify: ring.canVerify };
}

async function openDoor(
  running: Running,
  db: Database,
  front: Front | undefined,
  queue: 'redis' | 'postgres',
): Promise<() => Promise<void>> {
  const { config, log, metrics, undo } = running;
  if (front !== undefined) beginAtZero(metrics.limited, 'limit', limitNames);
  const manners = {
    ...config.manners,
    waitMaxMs: config.follow.waitMaxMs,
    onLimited: (limit: LimitName) => metrics.limited.inc({ limit }),
    log,
  };
  const app = createApp({
    receive: front?.receive,
    api: front && { ...front.api, manners },
    hasDocs: config.http.hasDocs,
    health: {
      db,
      isStopping: () => running.isStopping,
      role: config.role,
      queue,
      lookAtOutage: front?.lookAtOutage,
      canVerify: front?.canVerify,
      commits: front?.commits,
    },
    registry: {
      contentType: metrics.registry.contentType,
      metrics: running.shareMetrics(metrics.registry),
    },
    log,
  });
  const server = await listen(app, { ...config.http, isStopping: () => running.isStopping });
  // Those who wait are answered, so that it can close.
  const close = () => {
    if (front !== undefined) letGo(front.api.follow);
    return server.close();
  };
  undo.push({ name: 'HTTP server', run: close });
  const { address, family, port } = server.address satisfies AddressInfo;
  running.address = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  return close;
}
