// The service and the Postgres that are measured, started as processes of their own. The service runs as a user would run
// it: `src/main.ts` with its settings and Postgres as the product ships it, fsync on. Everything that is started here is
// stopped again by `stop`, and takes its data with it.
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { startEmbeddedPostgres } from '../src/db/embedded.ts';
import { createLog } from '../src/log.ts';
import { type ChildService, startChildService } from '../src/simulator/child-service.ts';

export interface StartedService {
  /** Such as `http://127.0.0.1:41234`. */
  readonly address: string;
  readonly pid: number;
  readonly databaseUrl: string;
  /** Its warnings so far, counted by message. */
  readonly warnings: () => Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly secret: string;
  readonly signal: AbortSignal;
}

const startTimeoutMs = 120_000;

/** The service with these settings, on a Postgres of its own whose address we know. */
export async function startOnPostgres(
  settings: Readonly<Record<string, string>>,
  options: StartOptions,
): Promise<StartedService> {
  const postgres = await startPostgres();
  try {
    const service = await startService({ ...postgres.settings, ...settings }, options);
    const { pid } = await service.log.listening;
    return {
      address: service.address,
      pid: Number(pid),
      databaseUrl: postgres.url,
      warnings: () => service.log.warnings(),
      stop: async () => {
        await service.stop();
        await postgres.stop();
      },
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

export interface OwnPostgres {
  readonly url: string;
  /** What tells a service to use it. */
  readonly settings: Readonly<Record<string, string>>;
  /** Stops it; its data goes with it where they are its own. */
  readonly stop: () => Promise<void>;
}

/** Postgres as the product ships it, but for `settings`, with nothing on it yet. */
export async function startPostgres(settings: Readonly<Record<string, string>> = {}): Promise<OwnPostgres> {
  const { dataDir, remove } = await createDataDir();
  const postgres = await startPostgresOn(dataDir, settings).catch(async (error: unknown) => {
    await remove();
    throw error;
  });
  return {
    ...postgres,
    stop: async () => {
      await postgres.stop();
      await remove();
    },
  };
}

/** The same on a folder that may have been used before, and that stays. */
export async function startPostgresOn(
  dataDir: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<OwnPostgres> {
  const { url, stop } = await startEmbeddedPostgres({ dataDir, log: createLog('silent'), settings });
  return { url, settings: { DATABASE_URL: url, DATA_DIR: dataDir }, stop };
}

/** `src/main.ts` as a child. */
export function startService(
  settings: Readonly<Record<string, string>>,
  { secret, signal }: StartOptions,
): Promise<ChildService> {
  const common = {
    HOST: '127.0.0.1',
    PORT: '0',
    ILIVE_WEBHOOK_SECRETS: secret,
    BOOTSTRAP_API_KEY: randomBytes(24).toString('hex'),
  };
  return startChildService({
    settings: { ...common, ...settings },
    startTimeoutMs,
    temporaryDir: undefined,
    signal,
  });
}

/** A folder for a Postgres, and what takes it away again. */
export async function createDataDir(): Promise<{ dataDir: string; remove: () => Promise<void> }> {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'ilive-bench-'));
  await chmod(dataDir, 0o711); // started by root, Postgres runs as another user and has to get through
  return { dataDir, remove: () => rm(dataDir, { recursive: true, force: true }) };
}
