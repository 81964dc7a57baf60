// A primary and a streaming replica of it, both real: the bundled Postgres has no pg_basebackup, so the replica is a copy of
// the primary's folder, made while it stands still, that follows the primary from then on.
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/db/embedded.ts';
import { silent } from './service.ts';

export interface Replicated {
  readonly primaryUrl: string;
  readonly replicaUrl: string;
  /** Kills the replica as a crash would. It comes back on its port by itself. */
  killReplica(): Promise<void>;
  stop(): Promise<void>;
}

const settings = { fsync: 'off', full_page_writes: 'off', wal_keep_size: '256MB' };

/** Starts both; the caller must `stop` them. */
export async function startReplicated(): Promise<Replicated> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'ilive-replica-'));
  await chmod(dir, 0o711); // as root, Postgres runs as another user and has to get through
  const [primaryDir, replicaDir] = [path.join(dir, 'primary'), path.join(dir, 'replica')];
  const started: EmbeddedPostgres[] = [];
  const start = async (dataDir: string, more: Record<string, string> = {}) => {
    const postgres = await startEmbeddedPostgres({
      dataDir,
      log: silent,
      settings: { ...settings, ...more },
    });
    started.push(postgres);
    return postgres;
  };
  const stop = async () => {
    for (const postgres of started.reverse()) await postgres.stop();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await (await start(primaryDir)).stop();
    started.length = 0;
    await mkdir(replicaDir);
    for (const name of ['pg18', 'pg18.password']) {
      await cp(path.join(primaryDir, name), path.join(replicaDir, name), { recursive: true });
    }
    await writeFile(path.join(replicaDir, 'pg18', 'standby.signal'), '');
    const primary = await start(primaryDir);
    const { hostname, port, username, password } = new URL(primary.url);
    const replica = await start(replicaDir, {
      primary_conninfo: `host=${hostname} port=${port} user=${username} password=${password}`,
      wal_retrieve_retry_interval: '200ms',
    });
    return {
      primaryUrl: primary.url,
      replicaUrl: replica.url,
      killReplica: async () => {
        const file = await readFile(path.join(replicaDir, 'pg18', 'postmaster.pid'), 'utf8');
        process.kill(Number(file.split('\n')[0]), 'SIGKILL');
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
