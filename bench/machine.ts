// Where and what was measured: a figure without its machine and its commit cannot be compared with any other.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { connectOnce } from './own-connection.ts';

export interface Machine {
  readonly at: string;
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly postgres: string;
  /** Short hash, with `+` where `src` or `migrations` differ from it. */
  readonly commit: string;
}

export async function describeMachine(databaseUrl: string | undefined): Promise<Machine> {
  return {
    at: new Date().toISOString(),
    cores: os.availableParallelism(),
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
    postgres: databaseUrl === undefined ? 'unknown' : await readPostgresVersion(databaseUrl),
    commit: readCommit(),
  };
}

/** The versions of these packages, as they are installed. */
export function describeVersions(names: readonly string[]): string {
  const root = path.join(import.meta.dirname, '../node_modules');
  return names
    .map((name) => {
      const { version } = JSON.parse(readFileSync(path.join(root, name, 'package.json'), 'utf8'));
      return `${name} ${version}`;
    })
    .join(', ');
}

async function readPostgresVersion(url: string): Promise<string> {
  const db = connectOnce(url);
  try {
    const [row] = await db.query<{ server_version: string }>({ text: 'show server_version' });
    return row?.server_version ?? 'unknown';
  } finally {
    await db.close();
  }
}

function readCommit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', ['--no-optional-locks', ...args], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: 'pipe',
    }).trim();
  try {
    const isChanged = git('status', '--porcelain', '--', '../src', '../migrations') !== '';
    return `${git('rev-parse', '--short', 'HEAD')}${isChanged ? '+' : ''}`;
  } catch {
    return 'unknown';
  }
}
