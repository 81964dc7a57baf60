// The real service as a child process, for as long as the demo needs it. It gets its settings and nothing else of our
// environment, runs in a process group of its own so that Ctrl-C is ours to pass on, and is never left running: not
// when we fail, and not when we are killed, which a small watching shell sees to.
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';

export interface ChildService {
  /** Such as `http://127.0.0.1:41234`. */
  readonly address: string;
  /** `redis` or `postgres`. */
  readonly queue: string;
  /** Resolves with the exit code or signal when it ends, whoever ended it. */
  readonly ended: Promise<string>;
  /** Its last log lines. */
  lastLines(): string;
  /** SIGTERM, and SIGKILL after a deadline. Resolves once it is gone; may be called at any time. */
  stop(): Promise<void>;
}

const root = path.resolve(import.meta.dirname, '../..');
const keptLineCount = 20;
const stopDeadlineMs = 30_000;
// What any program needs to run on this machine; DATABASE_URL and its like must not slip through.
const passedOn = ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'LD_LIBRARY_PATH'];

// A line means that the service is gone in good order; the end of input without one, that we were killed. Then it stops
// the service as we would have, and clears up after it.
const watchScript = `
trap '' HUP INT QUIT TERM
if read -r line; then exit 0; fi
kill -TERM "$1"
seconds=0
while kill -0 "$1" && [ "$seconds" -lt 30 ]; do sleep 1; seconds=$((seconds + 1)); done
kill -KILL "-$1"
if [ -n "$2" ]; then rm -rf -- "$2"; fi
`;

export interface ChildOptions {
  readonly settings: Readonly<Record<string, string>>;
  readonly startTimeoutMs: number;
  /** Removed after the service when we cannot do it ourselves any more. */
  readonly temporaryDir: string | undefined;
  readonly signal: AbortSignal;
}

/** Starts `src/main.ts` and waits until it listens. Throws with its last lines when it does not, and leaves none running. */
export async function startChildService({
  settings,
  startTimeoutMs,
  temporaryDir,
  signal,
}: ChildOptions): Promise<ChildService> {
  signal.throwIfAborted();
  const known = passedOn.flatMap((name) =>
    process.env[name] === undefined ? [] : [[name, process.env[name]]],
  );
  const child = spawn(process.execPath, [path.join(root, 'src/main.ts')], {
    cwd: root,
    env: { ...Object.fromEntries(known), ...settings },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const watcher = watch(child, temporaryDir ?? '');
  const lines: string[] = [];
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, killedBy) => resolve(killedBy ?? `exit code ${code}`));
  });
  void ended.then(() => watcher.end('gone\n'));
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const late = setTimeout(() => kill(child, 'SIGKILL'), stopDeadlineMs);
    kill(child, 'SIGTERM');
    await ended;
    clearTimeout(late);
  };
  const lastLines = () => lines.slice(-keptLineCount).join('\n');
  try {
    const said = await untilListening(child, lines, { ended, startTimeoutMs, signal, lastLines });
    return { address: String(said.address), queue: String(said.queue ?? ''), ended, lastLines, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function untilListening(
  child: ChildProcess,
  lines: string[],
  wait: { ended: Promise<string>; startTimeoutMs: number; signal: AbortSignal; lastLines: () => string },
): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const fail = (what: string) => reject(new Error(`${what}\n${wait.lastLines() || '(it said nothing)'}`));
    const seconds = wait.startTimeoutMs / 1000;
    const deadline = setTimeout(
      () => fail(`The service did not listen within ${seconds} s. Its last lines:`),
      wait.startTimeoutMs,
    );
    const onAbort = () => reject(wait.signal.reason);
    wait.signal.addEventListener('abort', onAbort, { once: true });
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line);
        if (lines.length > keptLineCount * 2) lines.splice(0, keptLineCount);
        const said = parseLine(line);
        if (said?.msg === 'listening') {
          clearTimeout(deadline);
          wait.signal.removeEventListener('abort', onAbort);
          resolve(said);
        }
      });
    }
    void wait.ended.then((how) => {
      clearTimeout(deadline);
      fail(`The service ended before it listened (${how}). Its last lines:`);
    });
  });
}

function watch(child: ChildProcess, temporaryDir: string): NodeJS.WritableStream {
  const watcher = spawn(
    '/bin/sh',
    ['-c', watchScript, 'watch-the-demo-service', String(child.pid ?? 0), temporaryDir],
    {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    },
  );
  watcher.on('error', () => {}); // a machine without a shell has no watcher, and stops on signals all the same
  watcher.stdin.on('error', () => {});
  watcher.unref();
  return watcher.stdin;
}

// The whole group: whatever the service started goes with it.
function kill(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    if (child.pid !== undefined) process.kill(signal === 'SIGKILL' ? -child.pid : child.pid, signal);
  } catch {
    // It ended by itself in this moment.
  }
}

function parseLine(line: string): Record<string, unknown> | undefined {
  try {
    return { ...JSON.parse(line) };
  } catch {
    return undefined;
  }
}
