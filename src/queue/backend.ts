// Where the doorbell hangs: a Redis, a Redis cluster, or a Postgres that BullMQ keeps its own schema in. Everything that
// differs between them is decided here; the rest of the room sees only a queue and workers. All keys share the hash tag
// `{prefix}`, so that a cluster keeps one queue on one node. What is kept there are ids (guarantee 9), and losing all of
// it costs nothing but time: the truth is in Postgres (guarantee 2).
import { setTimeout as wait } from 'node:timers/promises';
import {
  createPostgresBackend,
  type PostgresQueueBackend,
  type Processor,
  Queue,
  type QueueOptions,
  Worker,
  type WorkerOptions,
} from 'bullmq';
import { Cluster, Redis } from 'ioredis';
import { backoffMs } from '../backoff.ts';
import type { Log } from '../log.ts';
import { postgresAddress } from '../postgres-address.ts';

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
  /** What a Redis answers to INFO; empty for Postgres. Waits for a server that is away. */
  readInfo(): Promise<string>;
  /** When a Redis makes snapshots; null for one that does not tell, and for Postgres. Waits as `readInfo` does. */
  readSavePoints(): Promise<string | null>;
  /** Ends every connection, also ones that still wait for a server that is away. */
  disconnect(): Promise<void>;
}

const reconnectDelayMaxMs = 2_000;
const postgresMaxConnections = 4;
const connectTimeoutMs = 5_000;
const defaultSilenceMs = 30_000;

/** Describes the backend; nothing connects before a queue or a worker is opened. */
export function createQueueBackend(given: QueueBackendOptions): QueueBackend {
  const options = { silenceMs: defaultSilenceMs, ...given };
  return options.redisUrl === undefined
    ? createOnPostgres(options)
    : createOnRedis(options.redisUrl, options);
}

function createOnRedis(url: string, { prefix, silenceMs, log }: Required<QueueBackendOptions>): QueueBackend {
  const clients = new Set<Redis | Cluster>();
  let isStopped = false;
  const connectClient = () => {
    const client = openRedis(url, silenceMs);
    // BullMQ reports what matters through its own `error` events; ioredis only needs somebody to listen.
    client.on('error', (error: Error) => log.debug({ err: error }, 'redis connection'));
    clients.add(client);
    return client;
  };
  const shared = { prefix: `{${prefix}}` };
  const open = <T extends Openable>(create: (connection: Redis | Cluster) => T) => {
    const createWithClient = () => {
      const client = connectClient();
      const release = () => {
        client.disconnect();
        clients.delete(client);
      };
      const opened = create(client);
      // BullMQ ends no client that it was given.
      (opened as Worker).once('closed', release);
      return { opened, release };
    };
    return openReady(createWithClient, () => isStopped, log);
  };
  return {
    kind: 'redis',
    openQueue: (name, options) =>
      open((connection) => new Queue(name, { ...options, ...shared, connection })),
    openWorker: (name, processor, options) =>
      open(
        (connection) => new Worker(name, processor, { ...options, ...shared, connection, autorun: false }),
      ),
    readInfo: async () => (await [...clients][0]?.info()) ?? '',
    // A managed Redis often forbids `CONFIG`.
    readSavePoints: async () => {
      const answer: unknown = await [...clients][0]?.config('GET', 'save').catch(() => null);
      return Array.isArray(answer) && typeof answer[1] === 'string' ? answer[1] : null;
    },
    disconnect: async () => {
      isStopped = true;
      for (const client of clients) client.disconnect();
    },
  };
}

type Openable = Queue | Worker;

// BullMQ remembers a failed handshake for ever, and a worker on Postgres that remembers one spins without a pause
// (measured on 6.7.0, 2026-11-23: the event loop of the process stands still). So nothing runs before its handshake has
// succeeded, and one that failed is thrown away.
async function openReady<T extends Openable>(
  create: () => { opened: T; release: () => void },
  isStopped: () => boolean,
  log: Log,
): Promise<T | undefined> {
  for (let attempt = 0; !isStopped(); attempt += 1) {
    const { opened, release } = create();
    const onError = (error: Error) => log.debug({ err: error }, 'queue connection');
    (opened as Queue).on('error', onError);
    try {
      await opened.waitUntilReady();
      if (!isStopped()) return opened;
    } catch (error) {
      log.debug({ err: error }, 'the queue does not answer yet');
    }
    await opened.close().catch(() => {});
    release();
    if (!isStopped()) await wait(backoffMs(attempt, { baseMs: 100, maxMs: reconnectDelayMaxMs }));
  }
  return undefined;
}

// Commands wait for the server as long as it takes, and `announce` is what gives up on them early: a client that fails
// by itself would leave BullMQ's one-time handshake failed for ever.
function openRedis(url: string, silenceMs: number): Redis | Cluster {
  const options = {
    maxRetriesPerRequest: null,
    connectTimeout: connectTimeoutMs,
    socketTimeout: silenceMs,
    keepAlive: 10_000,
    retryStrategy: reconnectDelayMs,
  };
  const cluster = /^(rediss?)-cluster:\/\/(?:([^:@]*):([^@]*)@)?(.+)$/.exec(url);
  if (cluster === null) return new Redis(url, options);
  const [, scheme, username, password, hosts = ''] = cluster;
  const nodes = hosts.split(',').map((host) => {
    const { hostname, port } = new URL(`redis://${host}`);
    return { host: hostname, port: Number(port || 6379) };
  });
  return new Cluster(nodes, {
    clusterRetryStrategy: reconnectDelayMs,
    redisOptions: {
      maxRetriesPerRequest: options.maxRetriesPerRequest,
      connectTimeout: options.connectTimeout,
      socketTimeout: options.socketTimeout,
      keepAlive: options.keepAlive,
      ...(username ? { username: decodeURIComponent(username) } : {}),
      ...(password ? { password: decodeURIComponent(password) } : {}),
      ...(scheme === 'rediss' ? { tls: {} } : {}),
    },
  });
}

function reconnectDelayMs(times: number): number {
  return Math.min(50 * 2 ** Math.min(times, 10), reconnectDelayMaxMs);
}

function createOnPostgres({
  databaseUrl,
  prefix,
  silenceMs,
  log,
}: Required<QueueBackendOptions>): QueueBackend {
  const connection = {
    // A ring that a crash loses is rung again by the sweep; waiting for the disk would buy nothing. BullMQ puts its own behind.
    ...postgresAddress(databaseUrl, '-c synchronous_commit=off -c jit=off'),
    application_name: 'ilive-webhooks queue',
    max: postgresMaxConnections,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: silenceMs,
    keepAlive: true,
    schema: 'bullmq',
    migrate: true,
  };
  let isStopped = false;
  const openings = new Set<Promise<unknown>>();
  const open = <T extends Openable>(create: () => OnPostgres) => {
    const opening = openReady(
      () => {
        const opened = create();
        hearErrors(opened, log);
        return { opened: opened as unknown as T, release: () => {} };
      },
      () => isStopped,
      log,
    );
    openings.add(opening);
    return opening.finally(() => openings.delete(opening));
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
    // What is being opened closes itself: within the time that connecting may take.
    disconnect: async () => {
      isStopped = true;
      await Promise.allSettled(openings);
    },
  };
}

interface OnPostgres {
  getBackend(): PostgresQueueBackend;
}

interface Heard {
  on(event: 'error', hear: (error: Error) => void): unknown;
  removeAllListeners(...event: string[]): this;
}

// BullMQ listens for errors of its connections only between uses; one that breaks in its hands would end the process. So would
// one that listens for jobs and breaks with the very bytes that opened it, or while it is being closed (bullmq 6.7.0): it is
// heard from its making on, also after BullMQ has taken all listeners off it.
function hearErrors(opened: OnPostgres, log: Log): void {
  const hear = (client: Heard) =>
    client.on('error', (error) => log.debug({ err: error }, 'queue connection'));
  const { connection } = opened.getBackend();
  connection.pool.on('connect', hear);
  const makesClients = connection as unknown as { pgModule: { Client: new (config: unknown) => Heard } };
  const { Client } = makesClients.pgModule;
  makesClients.pgModule = {
    Client: class extends Client {
      constructor(config: unknown) {
        super(config);
        hear(this);
      }

      override removeAllListeners(...event: string[]): this {
        super.removeAllListeners(...event);
        hear(this);
        return this;
      }
    },
  };
}
