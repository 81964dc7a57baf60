// A private, real Redis for tests, configured as production should be: append-only file synced every second, no
// eviction. It can be stopped, killed and started again on the same port, keeping or losing data as a real one does.
// It dies with the test process: a container through testcontainers' reaper, a process through a small shell.
import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, open, readFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { findFreePort } from './free-port.ts';
import { findRedisBinary, type RedisBinary } from './redis-binary.ts';
import { until } from './until.ts';

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** Ends it in good order; its data stays for the next `start`. */
  stop(): Promise<void>;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
}

const image = 'redis:7.4-alpine';
const readyDeadlineMs = 20_000;
const portAttemptCount = 5;
const persistence = [
  '--appendonly',
  'yes',
  '--appendfsync',
  'everysec',
  '--save',
  '',
  '--maxmemory-policy',
  'noeviction',
];

// The reader stands in the background and Redis in `wait`: a shell blocked in `read` would not notice that Redis died.
const supervisorScript = `
trap '' HUP INT QUIT TERM
exec 3<&0
"$@" 3<&- </dev/null >/dev/null 2>&1 &
redis=$!
echo "$redis"
( while read -r line; do :; done; kill -TERM "$redis" ) <&3 >/dev/null 2>&1 &
reader=$!
exec 3<&-
wait "$redis"
kill -KILL "$reader" 2>/dev/null
`;

/** Throws when no Redis can be had: a test never skips itself. Without `dir` the data goes when this process exits. */
export async function startRedis(options: { port?: number; dir?: string } = {}): Promise<RedisServer> {
  return (await startContainer(options)) ?? (await startProcess(options));
}

async function startContainer(options: { port?: number; dir?: string }): Promise<RedisServer | undefined> {
  const { GenericContainer, Wait, getContainerRuntimeClient } = await import('testcontainers');
  try {
    await getContainerRuntimeClient();
  } catch (error) {
    // Only this message means "no engine here"; any other failure is one that somebody wants to see.
    if ((error as Error).message.includes('Could not find a working container runtime strategy'))
      return undefined;
    throw error;
  }
  // A port of our choice, because the engine's own choice changes with every restart.
  const port = options.port ?? (await findFreePort());
  let definition = new GenericContainer(image)
    .withExposedPorts({ container: 6379, host: port })
    .withCommand(['redis-server', ...persistence])
    .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/));
  if (options.dir) definition = definition.withBindMounts([{ source: options.dir, target: '/data' }]);
  const container = await definition.start();
  const host = container.getHost();
  return {
    url: `redis://${host}:${port}`,
    port,
    stop: async () => void (await container.stop({ remove: false, timeout: 10_000 })),
    kill: async () => void (await container.stop({ remove: false, timeout: 0 })),
    start: async () => {
      await container.restart();
      await untilReady(host, port, () => false, 'container');
    },
  };
}

/** Always a process of this machine; `settings` come behind the usual ones. */
export async function startProcess(options: {
  port?: number;
  dir?: string;
  settings?: readonly string[];
}): Promise<RedisServer> {
  const binary = await findRedisBinary();
  const dir = options.dir ?? (await createTemporaryFolder());
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await findFreePort());
    try {
      const start = () => launch(binary, dir, port, options.settings);
      return createServer(start, port, await start());
    } catch (error) {
      const isBusy = /Address already in use/.test((error as Error).message);
      if (!isBusy || options.port !== undefined || attempt === portAttemptCount) throw error;
    }
  }
}

async function createTemporaryFolder(): Promise<string> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'ilive-redis-data-'));
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

interface Running {
  readonly pid: number;
  readonly supervisor: ChildProcess;
  readonly exited: Promise<void>;
}

function createServer(launchAgain: () => Promise<Running>, port: number, first: Running): RedisServer {
  let running: Running | undefined = first;
  const end = async (how: (current: Running) => void) => {
    const current = running;
    running = undefined;
    if (!current) return;
    how(current);
    await current.exited;
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    stop: () => end(({ supervisor }) => supervisor.stdin?.destroy()),
    kill: () => end(({ pid }) => process.kill(pid, 'SIGKILL')),
    start: async () => {
      if (running) throw new Error('This Redis is running already.');
      running = await launchAgain();
    },
  };
}

async function launch(
  binary: RedisBinary,
  dir: string,
  port: number,
  settings: readonly string[] = [],
): Promise<Running> {
  const logPath = path.join(dir, 'redis.log');
  await (await open(logPath, 'w')).close();
  const place = [
    '--bind',
    '127.0.0.1',
    '--port',
    String(port),
    '--dir',
    dir,
    '--logfile',
    logPath,
    '--daemonize',
    'no',
  ];
  const args = ['-c', supervisorScript, 'test-redis', binary.command, ...place, ...persistence, ...settings];
  const env = { PATH: process.env.PATH, LC_ALL: 'C', ...binary.env };
  const supervisor = spawn('sh', args, { detached: true, stdio: ['pipe', 'pipe', 'ignore'], env });
  let pid: number | undefined;
  let hasExited = false;
  supervisor.stdin.on('error', () => {});
  supervisor.stdout.on('data', (chunk: Buffer) => {
    pid ??= Number(chunk.toString());
  });
  const exited = new Promise<void>((resolve) => {
    supervisor.once('exit', () => {
      hasExited = true;
      resolve();
    });
  });
  try {
    await untilReady('127.0.0.1', port, () => hasExited, logPath);
    // Redis may answer before what the shell said of it has come here.
    const said = await until(() => pid, { describe: 'the shell says the pid of its Redis' });
    return { pid: said, supervisor, exited };
  } catch (error) {
    supervisor.stdin.destroy();
    throw error;
  }
}

/** PONG alone could come from a stranger on the port, so our process must also still be there. */
async function untilReady(
  host: string,
  port: number,
  hasExited: () => boolean,
  logPath: string,
): Promise<void> {
  const answers = () => Promise.resolve(hasExited() || ping(host, port));
  await until(answers, { deadlineMs: readyDeadlineMs, describe: `Redis on port ${port} answers PING` });
  if (!hasExited()) return;
  const said = await readFile(logPath, 'utf8').catch(() => '');
  throw new Error(`Redis ended while it was starting:\n${said.slice(-2_000)}`);
}

async function ping(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port }, () => socket.write('PING\r\n'));
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on('data', (chunk) => {
      resolve(chunk.toString().startsWith('+PONG')); // "-LOADING" while it reads its append-only file
      socket.destroy();
    });
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(false));
  });
}
