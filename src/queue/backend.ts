// Where the doorbell hangs: a Redis, a Redis cluster, or a Postgres that BullMQ keeps its own schema in. Everything that
// differs between them is decided here; the rest of the room sees only a queue and workers. All keys share the hash tag
// `{prefix}`, so that a cluster keeps one queue on one node. What is kept there are ids (guarantee 9), and losing all of
// it costs nothing but time: the truth is in Postgres (guarantee 2).
import {
  createPostgresBackend,
  type Processor,
  Queue,
  type QueueOptions,
  Worker,
  type WorkerOptions,
} from 'bullmq';
import { Cluster, Redis } from 'ioredis';
import type { Log } from '../log.ts';

export interface QueueBackendOptions {
  /** `redis://`, `rediss://`, `redis-cluster://host:port,host:port` or `rediss-cluster://…`; undefined = Postgres. */
  readonly redisUrl: string | undefined;
  readonly databaseUrl: string;
  /** Sets this installation's queues apart from others on the same Redis. */
  readonly prefix: string;
  readonly log: Log;
}

export interface QueueBackend {
  readonly kind: 'redis' | 'postgres';
  createQueue(name: string, options: Partial<QueueOptions>): Queue;
  createWorker(name: string, processor: Processor, options: Partial<WorkerOptions>): Worker;
  /** Ends every connection at once, also ones that still wait for a server that is away. */
  disconnect(): void;
}

const reconnectDelayMaxMs = 2_000;
const postgresMaxConnections = 4;

/** Describes the backend; nothing connects before a queue or a worker is made, and then it may take as long as it likes. */
export function createQueueBackend(options: QueueBackendOptions): QueueBackend {
  return options.redisUrl === undefined
    ? createOnPostgres(options)
    : createOnRedis(options.redisUrl, options.prefix, options.log);
}

function createOnRedis(url: string, prefix: string, log: Log): QueueBackend {
  const clients: (Redis | Cluster)[] = [];
  const connectClient = () => {
    const client = openRedis(url);
    // BullMQ reports what matters through its own `error` events; ioredis only needs somebody to listen.
    client.on('error', (error: Error) => log.debug({ err: error }, 'redis connection'));
    clients.push(client);
    return client;
  };
  const shared = { prefix: `{${prefix}}` };
  return {
    kind: 'redis',
    createQueue: (name, options) => new Queue(name, { ...options, ...shared, connection: connectClient() }),
    createWorker: (name, processor, options) =>
      new Worker(name, processor, { ...options, ...shared, connection: connectClient() }),
    disconnect: () => {
      for (const client of clients) client.disconnect();
    },
  };
}

// Commands wait for the server as long as it takes, and `announce` is what gives up on them early: a client that fails
// by itself would leave BullMQ's one-time handshake failed for ever.
function openRedis(url: string): Redis | Cluster {
  const options = {
    maxRetriesPerRequest: null,
    connectTimeout: 5_000,
    keepAlive: 10_000,
    retryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times, 10), reconnectDelayMaxMs),
  };
  const cluster = /^(rediss?)-cluster:\/\/(?:([^:@]*):([^@]*)@)?(.+)$/.exec(url);
  if (cluster === null) return new Redis(url, options);
  const [, scheme, username, password, hosts = ''] = cluster;
  const nodes = hosts.split(',').map((host) => {
    const { hostname, port } = new URL(`redis://${host}`);
    return { host: hostname, port: Number(port || 6379) };
  });
  return new Cluster(nodes, {
    clusterRetryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 10), reconnectDelayMaxMs),
    redisOptions: {
      maxRetriesPerRequest: options.maxRetriesPerRequest,
      connectTimeout: options.connectTimeout,
      keepAlive: options.keepAlive,
      ...(username ? { username: decodeURIComponent(username) } : {}),
      ...(password ? { password: decodeURIComponent(password) } : {}),
      ...(scheme === 'rediss' ? { tls: {} } : {}),
    },
  });
}

function createOnPostgres({ databaseUrl, prefix }: QueueBackendOptions): QueueBackend {
  const connection = {
    connectionString: databaseUrl,
    application_name: 'ilive-webhooks queue',
    max: postgresMaxConnections,
    keepAlive: true,
    // A ring that a crash loses is rung again by the sweep; waiting for the disk would buy nothing.
    options: '-c synchronous_commit=off',
    schema: 'bullmq',
    migrate: true,
  };
  return {
    kind: 'postgres',
    createQueue: (name, options) =>
      new Queue(`${prefix}-${name}`, { ...options, connection }, createPostgresBackend) as unknown as Queue,
    createWorker: (name, processor, options) =>
      new Worker(
        `${prefix}-${name}`,
        processor,
        { ...options, connection },
        createPostgresBackend,
      ) as unknown as Worker,
    disconnect: () => {},
  };
}
