// Where the doorbell hangs: a Redis, a Redis cluster, or a Postgres that BullMQ keeps its own schema in. Everything that
// differs between them is decided here; the rest of the room sees only a queue and workers. All keys share the hash tag
// `{prefix}`, so that a cluster keeps one queue on one node. What is kept there are ids (guarantee 9), and losing all of
// it costs nothing but time: the truth is in Postgres (guarantee 2).
import { setTimeout as wait } from 'node:timers/promises';
import {
  createPostgresBackend,
  type Processor,
  Queue,
  type QueueOptions,
  Worker,
  type WorkerOptions,
} from 'bullmq';
import { backoffMs } from '../backoff.ts';
import type { Log } from '../log.ts';
import { createQueuePool } from './postgres-pool.ts';
import {
  isAftermath,
  openRedis,
  type RedisClient,
  readSavePoints,
  readServerInfo,
  reasonOf,
  reconnectDelayMaxMs,
  refusesDatabase,
  tellTrouble,
  tryWriting,
} from './redis-client.ts';

export interface QueueBackendOptions {
  /** `redis://`, `rediss://`, `redis-cluster://host:port,host:port` or `rediss-cluster://…`; undefined = Postgres. */
  readonly redisUrl: string | undefined;
  readonly databaseUrl: string;
  /** Sets this installation's queues apart from others on the same Redis. */
  readonly prefix: string;
  /** A store that says nothing for so long is given up, and connected to anew. Longer than BullMQ has it wait for a job, 10 s. */
  readonly silenceMs?: number;
  readonly log: Log;
}

export interface QueueBackend {
  readonly kind: 'redis' | 'postgres';
  /** A queue whose store answers; tries until it does. Undefined once the backend is disconnected. */
  openQueue(name: string, options: Partial<QueueOptions>): Promise<Queue | undefined>;
  /** A worker whose store answers and that does not run yet; as `openQueue`. */
  openWorker(
    name: string,
    processor: Processor,
    options: Partial<WorkerOptions>,
  ): Promise<Worker | undefined>;
  /** What the Redis that keeps a queue answers to INFO; empty for Postgres. Waits for a server that is away. */
  readInfo(queue: Queue): Promise<string>;
  /** When that Redis makes snapshots; null for one that does not tell, and for Postgres. Waits as `readInfo` does. */
  readSavePoints(queue: Queue): Promise<string | null>;
  /**
   * Rejects with what the store of a queue says where it takes no write, and waits for one that is away. On Postgres it says
   * nothing: a database that takes no write takes no delivery either.
   */
  tryWriting(queue: Queue): Promise<void>;
  /** What a connection failed with, unless one has been made since. */
  lastError(): Error | undefined;
  /** Ends every connection, also ones that still wait for a server that is away. */
  disconnect(): Promise<void>;
}

const defaultSilenceMs = 30_000;

/** Describes the backend; nothing connects before a queue or a worker is opened. */
export function createQueueBackend(given: QueueBackendOptions): QueueBackend {
  const options = { silenceMs: defaultSilenceMs, ...given };
  return options.redisUrl === undefined
    ? createOnPostgres(options)
    : createOnRedis(options.redisUrl, options);
}

function createOnRedis(url: string, { prefix, silenceMs, log }: Required<QueueBackendOptions>): QueueBackend {
  const clients = new Set<RedisClient>();
  const clientOf = new WeakMap<object, RedisClient>();
  /** Clients of what has been opened. Of others one that is connected may still be refused by what BullMQ asks first. */
  const wellOnce = new WeakSet<Set<RedisClient>>();
  const tell = tellTrouble(log);
  let lastError: Error | undefined;
  let isStopped = false;
  const hear = (reason: Error) => {
    if (!isAftermath(reason)) lastError = reason;
    tell(reason);
  };
  // Also a copy that BullMQ makes of it, to wait for jobs with: a worker that could not be closed in time leaves it behind.
  const adopt = <C extends RedisClient>(client: C, own: Set<RedisClient>): C => {
    client.on('error', (error: Error) => {
      hear(reasonOf(error));
      if (refusesDatabase(error)) client.disconnect(true);
    });
    client.on('ready', () => {
      if (wellOnce.has(own)) lastError = undefined;
    });
    clients.add(client);
    own.add(client);
    const duplicate = client.duplicate.bind(client) as (...given: unknown[]) => RedisClient;
    client.duplicate = ((...given: unknown[]) => adopt(duplicate(...given), own)) as C['duplicate'];
    return client;
  };
  const shared = { prefix: `{${prefix}}` };
  const probeKey = `${shared.prefix}:probe`;
  const clientIn = (queue: Queue) => {
    const client = clientOf.get(queue);
    if (client === undefined) throw new Error('the queue is not one of this store');
    return client;
  };
  const open = async <T extends Openable>(create: (connection: RedisClient) => T) => {
    let newest = new Set<RedisClient>();
    const createWithClient = async () => {
      const own = new Set<RedisClient>();
      newest = own;
      const client = adopt(openRedis(url, silenceMs, hear), own);
      const release = () => letGo(own, clients);
      const opened = create(client);
      clientOf.set(opened, client);
      // BullMQ ends no client that it was given.
      (opened as Worker).once('closed', release);
      return { opened, release };
    };
    const opened = await openReady(createWithClient, { isStopped: () => isStopped, log, onFailure: hear });
    wellOnce.add(newest);
    lastError = undefined;
    return opened;
  };
  return {
    kind: 'redis',
    openQueue: (name, options) =>
      open((connection) => new Queue(name, { ...options, ...shared, connection })),
    openWorker: (name, processor, options) =>
      open(
        (connection) => new Worker(name, processor, { ...options, ...shared, connection, autorun: false }),
      ),
    readInfo: async (queue) => readServerInfo(clientIn(queue), probeKey),
    readSavePoints: async (queue) => readSavePoints(clientIn(queue), probeKey),
    tryWriting: async (queue) => tryWriting(clientIn(queue), probeKey),
    lastError: () => lastError,
    disconnect: async () => {
      isStopped = true;
      for (const client of clients) client.disconnect();
    },
  };
}

function letGo(own: ReadonlySet<RedisClient>, clients: Set<RedisClient>): void {
  for (const client of own) {
    client.disconnect();
    clients.delete(client);
  }
}

type Openable = Queue | Worker;

// BullMQ remembers a failed handshake for ever, and a worker on Postgres that remembers one spins without a pause
// (measured on 6.7.0, 2026-11-23: the event loop of the process stands still). So nothing runs before its handshake has
// succeeded, and one that failed is thrown away.
async function openReady<T extends Openable>(
  create: () => Promise<{ opened: T; release: () => void }>,
  { isStopped, log, onFailure }: { isStopped: () => boolean; log: Log; onFailure: (error: Error) => void },
): Promise<T | undefined> {
  const onError = (error: Error) => log.debug({ err: error }, 'queue connection');
  for (let attempt = 0; !isStopped(); attempt += 1) {
    let made: Awaited<ReturnType<typeof create>> | undefined;
    try {
      made = await create();
      (made.opened as Queue).on('error', onError);
      await made.opened.waitUntilReady();
      if (!isStopped()) return made.opened;
    } catch (error) {
      log.debug({ err: error }, 'the queue does not answer yet');
      onFailure(error as Error);
    }
    await made?.opened.close().catch(() => {});
    made?.release();
    if (!isStopped()) await wait(backoffMs(attempt, { baseMs: 100, maxMs: reconnectDelayMaxMs }));
  }
  return undefined;
}

function createOnPostgres({ prefix, log, ...options }: Required<QueueBackendOptions>): QueueBackend {
  const pool = createQueuePool({ ...options, log });
  const { connection } = pool;
  let migrated: Promise<void> | undefined;
  let lastError: Error | undefined;
  let isStopped = false;
  const open = async <T extends Openable>(create: () => object) => {
    const createOnPool = async () => {
      migrated ??= pool.migrate();
      await migrated;
      const { created, forget } = pool.watch(create);
      const opened = created as T;
      (opened as Worker).once('closed', forget);
      return { opened, release: forget };
    };
    const opened = await openReady(createOnPool, {
      isStopped: () => isStopped,
      log,
      onFailure: (error) => {
        migrated = undefined;
        lastError = error;
      },
    });
    lastError = undefined;
    return opened;
  };
  return {
    kind: 'postgres',
    openQueue: (name, options) =>
      open<Queue>(() => new Queue(`${prefix}-${name}`, { ...options, connection }, createPostgresBackend)),
    openWorker: (name, processor, options) =>
      open<Worker>(
        () =>
          new Worker(
            `${prefix}-${name}`,
            processor,
            { ...options, connection, autorun: false },
            createPostgresBackend,
          ),
      ),
    readInfo: async () => '',
    readSavePoints: async () => null,
    tryWriting: async () => {},
    lastError: () => lastError,
    disconnect: async () => {
      isStopped = true;
      await pool.end();
    },
  };
}
