// Answers "who is using this data folder?" before anybody starts a Postgres on it. A live owner is refused, and a postmaster
// that outlived its owner is stopped. Process ids are reused, so a postmaster's is believed only together with the time its
// process started or with the command line it runs.
import { execFile } from 'node:child_process';
import { readFile, readlink, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type FileLock, tryLock } from '../file-lock.ts';
import type { Log } from '../log.ts';
import { embeddedFailure } from './embedded-binaries.ts';

/** An owner on its way out is gone within this; longer means it stays. */
const claimPatienceMs = 1_500;
const pollMs = 20;
const fastStopMs = 30_000;
const immediateStopMs = 5_000;
const killMs = 5_000;
const unknownStart = 'unknown';

/** Makes `dataDir` this process's own until it is released or the process ends. */
export async function claimDataFolder(dataDir: string): Promise<FileLock> {
  const ownerPath = path.join(dataDir, 'pg18.owner'); // for people: the lock alone decides
  const deadline = Date.now() + claimPatienceMs;
  for (;;) {
    const lock = lockFolder(dataDir);
    if (lock !== undefined) {
      await writeFile(ownerPath, `pid ${process.pid} on ${os.hostname()}\n`);
      return lock;
    }
    if (Date.now() > deadline) break;
    await delay(pollMs);
  }
  const owner = (await readIfThere(ownerPath))?.trim() || 'unknown';
  throw embeddedFailure(
    `The data folder ${dataDir} is in use by an ilive-webhooks process (${owner}). ` +
      'Stop that one first, or give this one another data folder.',
  );
}

function lockFolder(dataDir: string): FileLock | undefined {
  const file = path.join(dataDir, 'pg18.lock');
  try {
    return tryLock(file);
  } catch (error) {
    throw embeddedFailure(
      `${file} cannot be locked (${(error as Error).message}). If another user made the data folder, start as that user ` +
        `or as root, run \`chown -R ${process.getuid?.() ?? '<uid>'} ${dataDir}\`, or choose another folder.`,
      error,
    );
  }
}

/** The text of a file; undefined where there is none. */
export async function readIfThere(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

/** Pid, port and start in `postmaster.pid`, and whether Postgres wrote there that it takes connections. */
export async function readPostmasterFile(pgData: string) {
  const text = await readIfThere(path.join(pgData, 'postmaster.pid'));
  const lines = text?.split('\n') ?? [];
  const pid = Math.abs(Number(lines[0])); // a single-user backend writes its pid as a negative number
  if (!Number.isInteger(pid) || pid === 0) return undefined;
  return { pid, port: Number(lines[3]), startedAt: lines[2], isReady: lines[7]?.trim() === 'ready' };
}

/**
 * Makes sure that no earlier Postgres works on `pgData`: one that still runs (or is still stopping) is stopped and
 * waited for, a pid file whose pid belongs to someone else is removed. A pid file of a dead process stays: Postgres
 * clears it itself, after checking that no orphaned backend is attached to the old shared memory.
 */
export async function stopLeftoverPostmaster(pgData: string, log: Log): Promise<void> {
  const found = await readPostmasterFile(pgData);
  if (found === undefined || !isSignallable(found.pid)) return;
  if (!(await isPostgresOn(found.pid, pgData))) {
    log.warn(
      { postgresPid: found.pid, pgData },
      'removing a stale postmaster.pid: its pid belongs to another process',
    );
    await rm(path.join(pgData, 'postmaster.pid'), { force: true });
    return;
  }
  log.warn({ postgresPid: found.pid, pgData }, 'stopping the Postgres that a previous process left behind');
  if (!(await stopPostmaster(found.pid))) {
    throw embeddedFailure(`A previous Postgres (pid ${found.pid}) on ${pgData} could not be stopped.`);
  }
}

/** Fast shutdown, then immediate, then SIGKILL, each with its limit. Resolves to whether the process is gone. */
export async function stopPostmaster(pid: number): Promise<boolean> {
  const steps = [
    ['SIGINT', fastStopMs],
    ['SIGQUIT', immediateStopMs],
    ['SIGKILL', killMs],
  ] as const;
  const start = await startOf(pid);
  for (const [signal, limitMs] of steps) {
    if (start === undefined || (await startOf(pid)) !== start) return true;
    sendSignal(pid, signal);
    const deadline = Date.now() + limitMs;
    while (Date.now() < deadline) {
      if ((await startOf(pid)) !== start) return true;
      await delay(pollMs);
    }
  }
  return (await startOf(pid)) !== start;
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
    throw embeddedFailure(
      `The Postgres with pid ${pid} belongs to another user and cannot be stopped.`,
      error,
    );
  }
}

function isSignallable(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** When the process started, as an opaque text; undefined when there is none (a zombie counts as none). */
async function startOf(pid: number): Promise<string | undefined> {
  if (!isSignallable(pid)) return undefined;
  if (process.platform === 'linux') {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    if (stat === undefined) return isSignallable(pid) ? unknownStart : undefined;
    // The command name may contain spaces and parentheses, so fields are counted after the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
    return `${boot.trim()}:${fields[19]}`;
  }
  const shown = await ps(pid, 'stat=', 'lstart=');
  if (shown === undefined) return isSignallable(pid) ? unknownStart : undefined;
  const [state = '', ...started] = shown.split(/\s+/);
  return state.startsWith('Z') ? undefined : started.join(' ');
}

async function isPostgresOn(pid: number, pgData: string): Promise<boolean> {
  if (process.platform !== 'linux') {
    const command = (await ps(pid, 'command=')) ?? '';
    return command.includes('postgres') && command.includes(pgData);
  }
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  const [program = '', ...args] = line.split('\0');
  if (path.basename(program) !== 'postgres') return false;
  // The command line is readable for everybody; the working folder also survives a renamed data folder.
  return args.includes(pgData) || (await readlink(`/proc/${pid}/cwd`).catch(() => '')) === pgData;
}

async function ps(pid: number, ...columns: string[]): Promise<string | undefined> {
  const args = ['-ww', '-p', String(pid), ...columns.flatMap((column) => ['-o', column])];
  const env = { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
  const result = await promisify(execFile)('ps', args, { env }).catch(() => undefined);
  return result?.stdout.trim() || undefined;
}
