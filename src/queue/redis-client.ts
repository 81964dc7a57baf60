// A client of a Redis or of a Redis cluster, as REDIS_URL names it, and what is asked of the server apart from BullMQ.
// Commands wait for the server as long as it takes, and `announce` is what gives up on them early: a client that fails by
// itself would leave BullMQ's one-time handshake failed for ever.
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';
import { Cluster, type ClusterOptions, Redis } from 'ioredis';
import { backoffMs } from '../backoff.ts';
import type { Log } from '../log.ts';
import { createSeldom } from '../seldom.ts';
import { needsSomebody, troubleOf } from './trouble.ts';

export type RedisClient = Redis | Cluster;

export const reconnectDelayMaxMs = 2_000;
const connectTimeoutMs = 5_000;
const troubleLogIntervalMs = 60_000;

/** `onRefused` is told why a node of a cluster is not believed, which ioredis keeps to itself. */
export function openRedis(url: string, silenceMs: number, onRefused: (reason: Error) => void): RedisClient {
  const options = {
    maxRetriesPerRequest: null,
    connectTimeout: connectTimeoutMs,
    socketTimeout: silenceMs,
    keepAlive: 10_000,
  };
  const cluster = /^(rediss?)-cluster:\/\/(?:([^:@]*):([^@]*)@)?(.+)$/.exec(url);
  if (cluster === null) {
    return new Redis(url, {
      ...options,
      retryStrategy: reconnectDelayMs,
      // A failover demotes the server at the other end and need not end the connection: the name leads to the new one.
      reconnectOnError: (error) => troubleOf(error) === 'read_only',
    });
  }
  const [, scheme, username, password, hosts = ''] = cluster;
  const nodes = hosts.split(',').map((host) => {
    const { hostname, port } = new URL(`redis://${host}`);
    return { host: hostname, port: Number(port || 6379) };
  });
  const tls: ConnectionOptions = {
    checkServerIdentity: (name, certificate) => {
      const refusal = checkServerIdentity(name, certificate);
      if (refusal !== undefined) onRefused(refusal);
      return refusal;
    },
  };
  return new Cluster(nodes, {
    clusterRetryStrategy: reconnectDelayMs,
    ...(scheme === 'rediss' ? byName : {}),
    redisOptions: {
      ...options,
      ...(username ? { username: decodeURIComponent(username) } : {}),
      ...(password ? { password: decodeURIComponent(password) } : {}),
      ...(scheme === 'rediss' ? { tls } : {}),
    },
  });
}

// By itself ioredis looks a node's name up first, and then compares the certificate with the address (6.0.0).
const byName: ClusterOptions = { dnsLookup: (name, callback) => callback(null, name) };

const reconnectDelayMs = (times: number) => backoffMs(times, { baseMs: 50, maxMs: reconnectDelayMaxMs });

/** Whether it says that there is no such database as the address names: ioredis goes on in the first one, which may be another installation's (6.0.0). */
export function refusesDatabase(error: Error & { command?: { name: string } }): boolean {
  return error.command?.name === 'select';
}

/** What a cluster's client hides behind "all nodes failed" is what a node said. */
export function reasonOf(error: Error & { lastNodeError?: Error | null }): Error {
  return error.lastNodeError ?? error;
}

/** What is said of a connection that has ended for another reason, which was told before. */
export function isAftermath(reason: Error): boolean {
  return reason.message === 'Connection is closed.';
}

/** Logs what a client reports: at `warn`, now and then, what stays until somebody changes a setting. */
export function tellTrouble(log: Log): (reason: Error) => void {
  const countTroubles = createSeldom(troubleLogIntervalMs);
  return (reason) => {
    if (!needsSomebody(troubleOf(reason)) || countTroubles() === undefined) {
      log.debug({ err: reason }, 'redis connection');
      return;
    }
    log.warn({ err: reason }, 'Redis and we do not accept each other; see REDIS_URL');
  };
}

/** What the server that keeps a key says of itself. */
export async function readServerInfo(client: RedisClient, key: string): Promise<string> {
  return (await keeperOf(client, key)).info();
}

/** When the server that keeps a key makes snapshots; null where it does not tell: a managed Redis often forbids `CONFIG`. */
export async function readSavePoints(client: RedisClient, key: string): Promise<string | null> {
  const server = await keeperOf(client, key);
  const answer: unknown = await server.config('GET', 'save').catch(() => null);
  return Array.isArray(answer) && typeof answer[1] === 'string' ? answer[1] : null;
}

// A cluster's client sends what names no key to any node.
async function keeperOf(client: RedisClient, key: string): Promise<Redis> {
  if (client instanceof Redis) return client;
  const address = client.slots[Number(await client.cluster('KEYSLOT', key))]?.[0];
  const node = client.nodes('master').find(({ options: { host, port } }) => `${host}:${port}` === address);
  if (node === undefined) throw new Error('no node that is known keeps the queue');
  return node;
}

/** Writes a key that nobody reads and that is gone at once; rejects with what the server says where it takes no write. */
export async function tryWriting(client: RedisClient, key: string): Promise<void> {
  await client.set(key, '1', 'PX', 1_000);
}
