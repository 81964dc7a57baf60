// Starts one Postgres and one Redis for the whole run and hands their addresses to every test file. Both are private
// to the run, live in a temporary folder and end with it. Postgres runs without fsync here, and in memory where there is
// room: tests of durability start one of their own, on the disk. `TEST_POSTGRES_URL`, a superuser's address, has them run on that Postgres in place of the bundled one.
import { access, chmod, constants, mkdtemp, rm, statfs } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { startEmbeddedPostgres } from '../../src/db/embedded.ts';
import { createLog } from '../../src/log.ts';
import { prepareTemplate } from './database.ts';
import { startRedis } from './redis-server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A superuser's address; test files clone a database of their own with `createTestDatabase`. */
    postgresUrl: string;
    redisUrl: string;
  }
}

const fastSettings = {
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  min_wal_size: '64MB',
  max_wal_size: '256MB',
  shared_buffers: '128MB', // databases here are small, and who drops one looks through all of them
  max_connections: '500', // of all services at once; where most are in use, each would say that this is a problem
};
const memoryFolder = '/dev/shm'; // where it is there, files in it are in memory
const roomBytes = 4 * 1024 ** 3;

export default async function startStores(project: TestProject): Promise<() => Promise<void>> {
  const dir = await mkdtemp(path.join(await pickPlace(), 'ilive-stores-'));
  await chmod(dir, 0o711); // as root, Postgres runs as another user and has to get through
  // Each process of a test, also one that a test starts, compiles what the first one has compiled already.
  process.env.NODE_COMPILE_CACHE ??= path.join(dir, 'compiled');
  const stops: (() => Promise<void>)[] = [];
  const stopAll = async () => {
    await Promise.all(stops.map((stop) => stop()));
    // A process that ends just now still writes down what it has compiled.
    await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };
  try {
    await Promise.all([
      startPostgres(path.join(dir, 'postgres')).then(async (postgres) => {
        stops.push(postgres.stop);
        await prepareTemplate(postgres.url);
        project.provide('postgresUrl', postgres.url);
      }),
      mkdtemp(path.join(dir, 'redis-')).then(async (redisDir) => {
        const redis = await startRedis({ dir: redisDir });
        stops.push(redis.stop);
        project.provide('redisUrl', redis.url);
      }),
    ]);
  } catch (error) {
    await stopAll();
    throw error;
  }
  return stopAll;
}

/** Hundreds of databases are made in a run, each of hundreds of files: a slow disk takes a second for that. */
async function pickPlace(): Promise<string> {
  try {
    await access(memoryFolder, constants.W_OK);
    const { bavail, bsize } = await statfs(memoryFolder);
    const isRoomy = Math.min(bavail * bsize, process.availableMemory()) > roomBytes;
    return isRoomy ? memoryFolder : os.tmpdir();
  } catch {
    return os.tmpdir(); // a system that has no such folder
  }
}

async function startPostgres(dataDir: string): Promise<{ url: string; stop: () => Promise<void> }> {
  const url = process.env.TEST_POSTGRES_URL;
  if (url !== undefined) return { url, stop: async () => {} };
  return startEmbeddedPostgres({ dataDir, log: createLog('error'), settings: fastSettings });
}
