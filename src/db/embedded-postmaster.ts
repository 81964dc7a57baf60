// Runs one postmaster and ties its life to ours. Between us and Postgres stands a tiny shell in a session of its own:
// Ctrl-C does not reach it, and it shuts Postgres down as soon as our end of its input pipe closes, which the kernel
// does for us even after a SIGKILL. Postgres must never outlive its owner unnoticed, and never be stopped by a signal
// that was meant for the terminal's foreground processes.
import { spawn } from 'node:child_process';
import { open, readFile, rename, stat } from 'node:fs/promises';
import os from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { embeddedFailure, type PostgresBinaries, postgresEnv, type RunAs } from './embedded-binaries.ts';
import { readPostmasterFile, stopPostmaster } from './embedded-owner.ts';

export interface Postmaster {
  readonly pid: number;
  /** Resolves when Postgres has ended, however it ended. */
  readonly exited: Promise<void>;
  stop(): Promise<void>;
}

export interface PostmasterOptions {
  readonly binaries: PostgresBinaries;
  readonly runAs: RunAs;
  readonly pgData: string;
  readonly port: number;
  readonly logPath: string;
  readonly settings: Readonly<Record<string, string>>;
}

/** Recovery after a crash replays at most `max_wal_size`, which takes seconds; a start longer than this is stuck. */
const startDeadlineMs = 120_000;
const stopDeadlineMs = 30_000;
const pollMs = 10;
const logRotateBytes = 4 * 1024 * 1024;
const logTailLines = 15;
const logTailBytes = 8 * 1024;

// A service manager that signals everything in its group must not kill this shell before Postgres has stopped, hence
// the ignored signals; Postgres sets its own. The reader goes to the background and not Postgres' wait, because a
// shell that blocks in `read` would not notice that Postgres died.
const supervisorScript = `
trap '' HUP INT QUIT TERM
exec 3<&0
"$@" 3<&- </dev/null &
postgres=$!
( while read -r line; do :; done; kill -INT "$postgres" ) <&3 >/dev/null 2>&1 &
reader=$!
exec 3<&-
wait "$postgres"
code=$?
kill -KILL "$reader" 2>/dev/null
exit "$code"
`;

const baseSettings: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '', // socket paths are limited to about 100 bytes, and a second door needs a second lock
  fsync: 'on', // an answered delivery is a promise; only tests that do not test durability may break it
  full_page_writes: 'on',
  synchronous_commit: 'on',
  max_connections: '200', // pools of the service and its queue, with room for an operator
  shared_buffers: `${sharedBuffersMiB()}MB`,
  // Full pages dominate the log after a checkpoint, and this build compresses them only by the slowest of the methods: with
  // ten million deliveries that halved the pace (measured 2026-11-26).
  wal_compression: 'off',
  min_wal_size: '1GB', // kept for the next burst: while a file of the log is made nothing commits
  max_wal_size: '4GB', // bounds both the disk it takes and the time that recovery takes
  checkpoint_timeout: '15min', // each one makes the log several times as large for a while: every page is in it whole
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Statements and DETAIL lines quote row values, and bodies must not reach a log.
  log_error_verbosity: 'terse',
  log_min_error_statement: 'panic',
};

// An eighth of the memory: Postgres advises a quarter where it has the machine to itself, and here it has not. What is not
// used of it takes no memory.
function sharedBuffersMiB(): number {
  const constrained = process.constrainedMemory();
  const bytes = constrained > 0 ? Math.min(constrained, os.totalmem()) : os.totalmem();
  return Math.min(Math.max(Math.floor(bytes / 8 / 2 ** 20), 128), 4_096);
}

/** Starts Postgres on `pgData` and waits until it takes connections. Throws with the end of its log. */
export async function startPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const { binaries, runAs, pgData, port, logPath } = options;
  await rotateLog(logPath);
  const log = await open(logPath, 'a', 0o600);
  const logStart = (await log.stat()).size;
  const settings = { ...baseSettings, ...options.settings, port: String(port) };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  // One that was killed leaves its file behind, which says that it is ready.
  const left = await readPostmasterFile(pgData);
  const command = [...runAs.prefix, binaries.postgres, '-D', pgData, ...flags];
  const supervisor = spawn('sh', ['-c', supervisorScript, 'ilive-postgres', ...command], {
    detached: true,
    stdio: ['pipe', log.fd, log.fd],
    env: postgresEnv(),
    cwd: '/',
    ...runAs.ids,
  });
  const life = { hasExited: false };
  const exited = new Promise<void>((resolve) => {
    const end = () => {
      life.hasExited = true;
      resolve();
    };
    supervisor.once('exit', end);
    supervisor.once('error', end);
  });
  supervisor.stdin?.on('error', () => {}); // a broken pipe says only what `exited` says
  await log.close();
  const closePipe = () => supervisor.stdin?.destroy();
  try {
    const pid = await untilReady({ pgData, port, life, left });
    return { pid, exited, stop: () => endPostmaster(pid, closePipe, exited) };
  } catch (error) {
    closePipe();
    const pid = (await readPostmasterFile(pgData))?.pid;
    if (!life.hasExited && pid !== undefined) await endPostmaster(pid, closePipe, exited);
    const said = await readLogTail(logPath, logStart);
    throw embeddedFailure(`${(error as Error).message}\nThe end of ${logPath}:\n${said}`, error);
  }
}

type PostmasterFile = Awaited<ReturnType<typeof readPostmasterFile>>;

interface Starting {
  readonly pgData: string;
  readonly port: number;
  readonly life: { readonly hasExited: boolean };
  readonly left: PostmasterFile;
}

async function untilReady({ pgData, port, life, left }: Starting): Promise<number> {
  const deadline = Date.now() + startDeadlineMs;
  while (Date.now() < deadline) {
    if (life.hasExited) throw new Error('The bundled Postgres ended while it was starting.');
    const file = await readPostmasterFile(pgData);
    const isLeft = file?.pid === left?.pid && file?.startedAt === left?.startedAt;
    if (file?.isReady && file.port === port && !isLeft) return file.pid;
    await delay(pollMs);
  }
  throw new Error(`The bundled Postgres was not ready within ${startDeadlineMs} ms.`);
}

async function endPostmaster(pid: number, closePipe: () => void, exited: Promise<void>): Promise<void> {
  closePipe();
  const abort = new AbortController();
  const late = delay(stopDeadlineMs, 'late' as const, { signal: abort.signal }).catch(() => undefined);
  const first = await Promise.race([exited, late]);
  abort.abort();
  if (first !== 'late') return;
  if (!(await stopPostmaster(pid))) throw embeddedFailure(`The bundled Postgres (pid ${pid}) does not stop.`);
}

async function rotateLog(logPath: string): Promise<void> {
  const size = (await stat(logPath).catch(() => undefined))?.size ?? 0;
  if (size > logRotateBytes) await rename(logPath, `${logPath}.1`);
}

/** The last lines that Postgres wrote, from byte `start` of its log on. */
export async function readLogTail(logPath: string, start = 0): Promise<string> {
  const bytes = await readFile(logPath).catch(() => Buffer.alloc(0));
  const text = bytes.subarray(Math.max(start, bytes.length - logTailBytes)).toString();
  return text.trimEnd().split('\n').slice(-logTailLines).join('\n') || '(empty)';
}
