// Starts the PostgreSQL that comes with the service, so that nothing has to be installed or configured to keep a
// delivery. It is a real Postgres with real durability; its data outlives us, its process must not. Exactly one live
// process owns a data folder at a time. The password exists in a file of that folder and in the returned address only.
import { mkdir, realpath } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { ServiceError } from '../errors.ts';
import type { FileLock } from '../file-lock.ts';
import type { Log } from '../log.ts';
import {
  embeddedFailure,
  findPostgresBinaries,
  findRunAs,
  type PostgresBinaries,
  type RunAs,
} from './embedded-binaries.ts';
import { clusterName, postgresRole, prepareCluster } from './embedded-cluster.ts';
import { claimDataFolder, stopLeftoverPostmaster } from './embedded-owner.ts';
import { type Postmaster, readLogTail, startPostmaster } from './embedded-postmaster.ts';

export interface EmbeddedPostgres {
  readonly url: string;
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  readonly dataDir: string;
  readonly log: Log;
  /** Called once when it has ended and could not be restarted; nothing will come back by itself. */
  readonly onLost?: () => void;
  /** Extra `-c` settings; they win over ours. */
  readonly settings?: Readonly<Record<string, string>>;
}

const database = 'ilive';
const startAttemptCount = 5;
const startRetryMs = 200;
const restartAttemptCount = 5;
/** A Postgres that ran this long was healthy: what ends it afterwards is a new story with new attempts. */
const healthyAfterMs = 60_000;

interface Cluster {
  readonly binaries: PostgresBinaries;
  readonly runAs: RunAs;
  readonly pgData: string;
  readonly logPath: string;
  readonly password: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly log: Log;
  readonly onLost: () => void;
}

/** Throws `embedded_postgres_failed`; its message says what to do and ends with what Postgres wrote last. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const logPath = path.join(path.resolve(options.dataDir), `${clusterName}.log`);
  try {
    const binaries = await findPostgresBinaries();
    await mkdir(options.dataDir, { recursive: true });
    const dataDir = await realpath(options.dataDir);
    const runAs = await findRunAs(binaries, dataDir);
    const ownership = await claimDataFolder(dataDir);
    try {
      const { log, settings = {}, onLost = () => {} } = options;
      const pgData = path.join(dataDir, clusterName);
      await stopLeftoverPostmaster(pgData, log);
      const password = await prepareCluster(dataDir, binaries, runAs, settings);
      const cluster = { binaries, runAs, pgData, logPath, password, settings, log, onLost };
      return await runCluster(cluster, ownership);
    } catch (error) {
      ownership.release();
      throw error;
    }
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    const said = await readLogTail(logPath);
    const reason = error instanceof Error ? error.message : String(error);
    throw embeddedFailure(
      `The bundled Postgres could not be started: ${reason}\nThe end of its log:\n${said}`,
      error,
    );
  }
}

async function runCluster(cluster: Cluster, ownership: FileLock): Promise<EmbeddedPostgres> {
  const { log, password, pgData } = cluster;
  const started = await startOnFreePort(cluster);
  const { port } = started;
  // Without `sslmode` the caller's PGSSLMODE would count, and this Postgres speaks no TLS: nothing leaves the machine.
  const address = (name: string) =>
    `postgres://${postgresRole}:${password}@127.0.0.1:${port}/${name}?sslmode=disable`;
  const state = { postmaster: started.postmaster, isStopping: false };
  try {
    await createDatabase(address('postgres'));
  } catch (error) {
    await state.postmaster.stop();
    throw error;
  }
  const watching = keepRunning(cluster, port, state);
  log.info({ port, postgresPid: state.postmaster.pid, pgData }, 'the bundled Postgres is running');
  const stop = async () => {
    state.isStopping = true;
    await state.postmaster.stop();
    await watching; // a restart may have been under way
    ownership.release();
  };
  let stopped: Promise<void> | undefined;
  return {
    url: address(database),
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** Restarts a Postgres that ended although nobody asked it to, on the same port because pools know that one. */
async function keepRunning(
  cluster: Cluster,
  port: number,
  state: { postmaster: Postmaster; isStopping: boolean },
): Promise<void> {
  let attempts = 0;
  for (;;) {
    const since = Date.now();
    await state.postmaster.exited;
    if (state.isStopping) return;
    if (Date.now() - since > healthyAfterMs) attempts = 0;
    cluster.log.error(
      { said: await readLogTail(cluster.logPath) },
      'the bundled Postgres ended unexpectedly',
    );
    let isRunning = false;
    while (!isRunning && attempts < restartAttemptCount && !state.isStopping) {
      attempts += 1;
      try {
        await stopLeftoverPostmaster(cluster.pgData, cluster.log);
        state.postmaster = await startPostmaster({ ...cluster, port });
        isRunning = true;
        cluster.log.warn({ port, attempts }, 'the bundled Postgres was restarted');
      } catch (error) {
        cluster.log.error({ err: error, attempts }, 'the bundled Postgres could not be restarted');
        await delay(startRetryMs * 2 ** attempts);
      }
    }
    if (isRunning && state.isStopping) return state.postmaster.stop();
    if (isRunning) continue;
    if (!state.isStopping)
      cluster.log.error({ attempts }, 'giving up on the bundled Postgres; restart the service');
    cluster.onLost();
    return;
  }
}

/** Another program may take the port first, and backends of a killed postmaster may need a moment to leave. */
async function startOnFreePort(cluster: Cluster): Promise<{ postmaster: Postmaster; port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await findFreePort();
    try {
      return { postmaster: await startPostmaster({ ...cluster, port }), port };
    } catch (error) {
      const text = (error as Error).message;
      const isPassing = /could not bind|lock file .* already exists|shared memory block .* still in use/.test(
        text,
      );
      if (!isPassing || attempt === startAttemptCount) throw error;
      await stopLeftoverPostmaster(cluster.pgData, cluster.log);
      await delay(startRetryMs * attempt);
    }
  }
}

async function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

async function createDatabase(adminUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${database}`);
  } finally {
    await client.end();
  }
}
