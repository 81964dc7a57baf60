// The stores that all contenders of a run share: one Postgres as the product ships it, fsync on, and one Redis as the
// queue's documentation asks for it, append-only file synced every second. Each measurement gets a database of its own with
// nothing in it and an empty Redis, so that none carries what another left behind.
import { Redis } from 'ioredis';
import type { Database } from '../src/db/connect.ts';
import { connectOnce } from './own-connection.ts';
import type { Bench } from './run-bench.ts';
import { startPostgres } from './start-service.ts';

/** Where one contender plays its part once. */
export interface Place {
  readonly secret: string;
  readonly databaseUrl: string;
  /** The benchmark's own look into that database. */
  readonly db: Database;
  readonly redisUrl: string | undefined;
  readonly redis: Redis | undefined;
  readonly postgresPid: number;
  readonly redisPid: number | undefined;
  readonly signal: AbortSignal;
  /** Takes the database away where it was made for this. */
  clear(): Promise<void>;
}

export interface Stores {
  readonly databaseUrl: string;
  readonly hasRedis: boolean;
  readonly signal: AbortSignal;
  /** Such as `Redis 7.4.1, append-only file synced every second`. */
  describe(): Promise<string>;
  /** With nothing in it. */
  openPlace(secret: string): Promise<Place>;
  /** In the server's own database, with whatever is in it, which stays. */
  openFullPlace(secret: string): Promise<Place>;
}

// The service asks for these itself, whatever the server's defaults; whoever does not must not lose by it, or win.
const sharedSettings = ['jit = off', 'synchronous_commit = on'];

/** On a Postgres that is started for this, unless there is one already. */
export async function startStores(
  postgresUrl: string | undefined,
  redisUrl: string | undefined,
  bench: Bench,
): Promise<Stores> {
  if (postgresUrl !== undefined) return openStores(postgresUrl, redisUrl, bench);
  const postgres = await startPostgres();
  bench.undo.push(postgres.stop);
  return openStores(postgres.url, redisUrl, bench);
}

/** Stores on a Postgres that runs already. */
export async function openStores(
  postgresUrl: string,
  redisUrl: string | undefined,
  { signal, undo }: Bench,
): Promise<Stores> {
  const admin = connectOnce(postgresUrl);
  undo.push(() => admin.close());
  const redis = redisUrl === undefined ? undefined : new Redis(redisUrl, { maxRetriesPerRequest: null });
  if (redis !== undefined) undo.push(async () => redis.disconnect());
  if (((await redis?.dbsize()) ?? 0) > 0)
    throw new Error('The Redis is not empty; the benchmark would empty it. Give it another.');
  const [postmaster] = await admin.query<{ pid: number }>({
    text: `select split_part(pg_read_file('postmaster.pid'), chr(10), 1)::int as pid`,
  });
  const postgresPid = postmaster?.pid ?? 0;
  const redisPid = await readRedisPid(redis);
  let placeCount = 0;
  const open = async (
    secret: string,
    databaseUrl: string,
    remove: () => Promise<unknown>,
  ): Promise<Place> => {
    await redis?.flushall();
    // What earlier measurements left to be written is written now, and not at the cost of this one.
    await admin.query({ text: 'checkpoint' });
    const db = connectOnce(databaseUrl);
    const clear = async () => {
      await db.close();
      await remove();
    };
    return { secret, databaseUrl, db, redisUrl, redis, postgresPid, redisPid, signal, clear };
  };
  return {
    databaseUrl: postgresUrl,
    hasRedis: redis !== undefined,
    signal,
    describe: () => describeRedis(redis),
    openPlace: async (secret) => {
      placeCount += 1;
      const name = `place_${placeCount}`;
      await admin.query({ text: `create database ${name}` });
      for (const setting of sharedSettings) {
        await admin.query({ text: `alter database ${name} set ${setting}` });
      }
      const url = new URL(postgresUrl);
      url.pathname = `/${name}`;
      return open(secret, url.href, () => admin.query({ text: `drop database ${name} with (force)` }));
    },
    openFullPlace: (secret) => open(secret, postgresUrl, async () => {}),
  };
}

async function readRedisPid(redis: Redis | undefined): Promise<number | undefined> {
  const [, pid] = /process_id:(\d+)/.exec((await redis?.info('server')) ?? '') ?? [];
  return pid === undefined ? undefined : Number(pid);
}

async function describeRedis(redis: Redis | undefined): Promise<string> {
  if (redis === undefined) return 'no Redis';
  const [, version] = /redis_version:(\S+)/.exec(await redis.info('server')) ?? [];
  const [, synced] = (await redis.config('GET', 'appendfsync')) as string[];
  const [, isOn] = (await redis.config('GET', 'appendonly')) as string[];
  return `Redis ${version} (appendonly ${isOn}, appendfsync ${synced})`;
}

/** Undefined, and said so, where no Redis can be had. */
export async function findRedis(
  given: string | undefined,
  { undo }: Bench,
): Promise<{ readonly url: string } | undefined> {
  if (given !== undefined) return { url: given };
  try {
    const { startRedis } = await import('../test/support/redis-server.ts');
    const redis = await startRedis();
    undo.push(() => redis.stop());
    return { url: redis.url };
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
    console.log(`  without what needs a Redis: ${reason}`);
    return undefined;
  }
}
