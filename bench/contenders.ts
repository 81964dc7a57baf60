// What is measured, each started as a process of its own with a database of its own. The service runs as a user would
// run it: `src/main.ts` with its settings and Postgres as the product ships it, fsync on. Everything that is started
// here is stopped again by `stop`, and takes its data with it.
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { startEmbeddedPostgres } from '../src/db/embedded.ts';
import { createLog } from '../src/log.ts';
import { type ChildService, startChildService } from '../src/simulator/child-service.ts';

export interface Contender {
  readonly name: string;
  readonly title: string;
  /** Such as `http://127.0.0.1:41234`. */
  readonly address: string;
  readonly pid: number;
  /** Whether it processes what it has received; then a measurement waits until it is done. */
  readonly processes: boolean;
  /** Of its Postgres, where we know it. */
  readonly databaseUrl?: string;
  /** Its warnings so far, counted by message. */
  readonly warnings: () => Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly secret: string;
  readonly signal: AbortSignal;
}

const startTimeoutMs = 120_000;

/** A server of ours that is no service, by its file in `contenders/`. */
export async function startServer(
  name: 'verify-only' | 'bare-http',
  title: string,
  { secret, signal }: StartOptions,
): Promise<Contender> {
  const child = fork(path.join(import.meta.dirname, 'contenders', `${name}.ts`));
  child.send({ secret });
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${name} ended before it listened`);
  });
  ended.catch(() => {});
  const [{ address }] = (await Promise.race([once(child, 'message', { signal }), ended])) as [
    { address: string },
  ];
  return {
    name,
    title,
    address,
    pid: child.pid ?? 0,
    processes: false,
    warnings: () => ({}),
    stop: async () => {
      if (child.connected) child.disconnect();
      await ended.catch(() => {});
    },
  };
}

/** The whole service with the Postgres that it brings along; its queue on `redisUrl` where there is one. */
export async function startWhole(
  name: string,
  title: string,
  options: StartOptions,
  redisUrl?: string,
): Promise<Contender> {
  const dataDir = await createDataDir();
  const settings = {
    DATA_DIR: dataDir,
    ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl, QUEUE_PREFIX: `bench-${process.pid}` }),
  };
  const service = await startService(settings, dataDir, options).catch(async (error: unknown) => {
    await removeDir(dataDir);
    throw error;
  });
  return describe(name, title, service, { processes: true }, () => removeDir(dataDir));
}

/** The receiver alone: what it takes to make deliveries durable and ring for them, with nobody at work on them. */
export function startReceiver(name: string, title: string, options: StartOptions): Promise<Contender> {
  return startOnPostgres(name, title, { ROLE: 'receiver' }, options);
}

/** The service with these settings, on a Postgres of its own whose address we know. */
export async function startOnPostgres(
  name: string,
  title: string,
  settings: Readonly<Record<string, string>>,
  options: StartOptions,
): Promise<Contender & { readonly databaseUrl: string }> {
  const postgres = await startPostgres();
  try {
    const service = await startService({ ...postgres.settings, ...settings }, undefined, options);
    const contender = await describe(
      name,
      title,
      service,
      { processes: settings.ROLE !== 'receiver' },
      postgres.stop,
    );
    return { ...contender, databaseUrl: postgres.url };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

export interface OwnPostgres {
  readonly url: string;
  /** What tells a service to use it. */
  readonly settings: Readonly<Record<string, string>>;
  /** Stops it and takes its data away. */
  readonly stop: () => Promise<void>;
}

/** Postgres as the product ships it, but for `settings`, with nothing on it yet. */
export async function startPostgres(settings: Readonly<Record<string, string>> = {}): Promise<OwnPostgres> {
  const dataDir = await createDataDir();
  const postgres = await startEmbeddedPostgres({ dataDir, log: createLog('silent'), settings }).catch(
    async (error: unknown) => {
      await removeDir(dataDir);
      throw error;
    },
  );
  return {
    url: postgres.url,
    settings: { DATABASE_URL: postgres.url, DATA_DIR: dataDir },
    stop: async () => {
      await postgres.stop();
      await removeDir(dataDir);
    },
  };
}

/** `src/main.ts` as a child; `temporaryDir` goes with it when we cannot remove it ourselves any more. */
export function startService(
  settings: Readonly<Record<string, string>>,
  temporaryDir: string | undefined,
  { secret, signal }: StartOptions,
): Promise<ChildService> {
  const common = {
    HOST: '127.0.0.1',
    PORT: '0',
    ILIVE_WEBHOOK_SECRETS: secret,
    BOOTSTRAP_API_KEY: randomBytes(24).toString('hex'),
  };
  return startChildService({ settings: { ...common, ...settings }, startTimeoutMs, temporaryDir, signal });
}

async function describe(
  name: string,
  title: string,
  service: ChildService,
  facts: Pick<Contender, 'processes'>,
  clearUp: () => Promise<void>,
): Promise<Contender> {
  const { pid } = await service.log.listening;
  return {
    name,
    title,
    address: service.address,
    pid: Number(pid),
    ...facts,
    warnings: () => service.log.warnings(),
    stop: async () => {
      await service.stop();
      await clearUp();
    },
  };
}

export async function createDataDir(): Promise<string> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'ilive-bench-'));
  await chmod(dir, 0o711); // started by root, Postgres runs as another user and has to get through
  return dir;
}

export function removeDir(dir: string): Promise<void> {
  return rm(dir, { recursive: true, force: true });
}
