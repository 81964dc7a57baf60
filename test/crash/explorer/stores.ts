// The stores of one lane: a Postgres and a Redis of its own with a wire before each, and a small disk for the outage store.
// Everything in it can be killed, cut and filled, and comes back where it was. Postgres writes without fsync, since no machine
// crashes here, but a commit is written when it is answered, as in production.
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { findPostgresBinaries, findRunAs } from '../../../src/db/embedded-binaries.ts';
import { clusterName, postgresRole, prepareCluster } from '../../../src/db/embedded-cluster.ts';
import { stopLeftoverPostmaster } from '../../../src/db/embedded-owner.ts';
import { type Postmaster, startPostmaster } from '../../../src/db/embedded-postmaster.ts';
import type { Log } from '../../../src/log.ts';
import { prepareTemplate } from '../../support/database.ts';
import { findFreePort } from '../../support/free-port.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts';

export const queues = ['postgres', 'redis'] as const;
export type QueueName = (typeof queues)[number];

export interface CrashPostgres {
  /** A superuser's address that no wire stands before. */
  readonly adminUrl: string;
  /** Ends it as a crash would; it may have ended already. */
  end(signal: 'SIGQUIT' | 'SIGKILL'): void;
  /** Waits for the end of one that was killed, and starts it again on its port. */
  restart(): Promise<void>;
}

export interface CrashRedis {
  readonly server: RedisServer;
  readonly wire: TcpProxy;
  /** FLUSHALL, and that it has happened. */
  flush(): Promise<void>;
}

export interface Stores {
  readonly postgres: CrashPostgres;
  readonly postgresWire: TcpProxy;
  /** Undefined where the queue is in Postgres. */
  readonly redis: CrashRedis | undefined;
  /** A folder on a disk of its own where that is permitted. */
  readonly dataRoot: string;
  readonly isDiskOwn: boolean;
  stop(): Promise<void>;
}

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const settings = { fsync: 'off', full_page_writes: 'off', shared_buffers: '32MB', max_connections: '120' };
const diskBytes = 8 * 1024 * 1024;
const restartAttempts = 50;

export async function startStores(queue: QueueName): Promise<Stores> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'ilive-crash-stores-'));
  await chmod(dir, 0o711); // as root, Postgres runs as another user and has to get through
  const stops: (() => Promise<void>)[] = [() => rm(dir, { recursive: true, force: true })];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  try {
    const { postgres, stop: stopPostgres } = await startPostgres(path.join(dir, 'postgres'));
    stops.push(stopPostgres);
    await prepareTemplate(postgres.adminUrl);
    const wireTo = async (port: number) => {
      const wire = await startTcpProxy({ host: '127.0.0.1', port });
      stops.push(() => wire.close());
      return wire;
    };
    const postgresWire = await wireTo(Number(new URL(postgres.adminUrl).port));
    let redis: CrashRedis | undefined;
    if (queue === 'redis') {
      const redisDir = path.join(dir, 'redis');
      await mkdir(redisDir);
      const server = await startRedis({ dir: redisDir });
      stops.push(() => server.stop());
      const client = new Redis(server.url, { maxRetriesPerRequest: null, retryStrategy: () => 50 });
      client.on('error', () => {}); // it is killed on purpose
      stops.push(async () => client.disconnect());
      redis = { server, wire: await wireTo(server.port), flush: async () => void (await client.flushall()) };
    }
    const dataRoot = path.join(dir, 'data');
    await mkdir(dataRoot);
    const isDiskOwn = mountDisk(dataRoot);
    if (isDiskOwn) stops.push(async () => void execFileSync('umount', ['-l', dataRoot]));
    return { postgres, postgresWire, redis, dataRoot, isDiskOwn, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

// Where we may not, the outage store's own limit has to stand for the disk's.
function mountDisk(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function startPostgres(dataDir: string): Promise<{ postgres: CrashPostgres; stop(): Promise<void> }> {
  await mkdir(dataDir);
  const binaries = await findPostgresBinaries();
  const runAs = await findRunAs(binaries, dataDir);
  const password = await prepareCluster(dataDir, binaries, runAs, settings);
  const pgData = path.join(dataDir, clusterName);
  const port = await findFreePort();
  const start = () =>
    startPostmaster({ binaries, runAs, pgData, port, logPath: path.join(dataDir, 'log'), settings });
  let postmaster: Postmaster = await start();
  const restart = async () => {
    await postmaster.exited;
    // What a killed postmaster leaves behind needs a moment to notice.
    for (let attempt = 1; ; attempt += 1) {
      try {
        await stopLeftoverPostmaster(pgData, silent);
        postmaster = await start();
        return;
      } catch (error) {
        if (attempt === restartAttempts) throw error;
        await pause(100);
      }
    }
  };
  return {
    postgres: {
      adminUrl: `postgres://${postgresRole}:${password}@127.0.0.1:${port}/postgres`,
      end: (signal) => {
        try {
          process.kill(postmaster.pid, signal);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
        }
      },
      restart,
    },
    stop: () => postmaster.stop(),
  };
}
