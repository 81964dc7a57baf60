// The real service as a child process, for as long as the demo needs it. It gets its settings and nothing else of our
// environment, runs in a process group of its own so that Ctrl-C is ours to pass on, and is never left running: not
// when we fail, and not when we are killed, which a small watching shell sees to.
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ChildLog, readChildLog } from './child-log.ts';
import { untilAborted } from './until-aborted.ts';

export interface ChildService {
  /** Such as `http://127.0.0.1:41234`. */
  readonly address: string;
  /** `redis` or `postgres`. */
  readonly queue: string;
  /** Resolves with the exit code or signal when it ends, whoever ended it. */
  readonly ended: Promise<string>;
  readonly log: ChildLog;
  /** SIGTERM, and SIGKILL after a deadline. Resolves once it is gone; may be called at any time. */
  stop(): Promise<void>;
}

const ownRoot = path.resolve(import.meta.dirname, '../..');
const outputDeadlineMs = 2_000;
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
  /** Where the service's code lies, of another version; else our own. */
  readonly root?: string | undefined;
  readonly signal: AbortSignal;
}

/** Starts `src/main.ts` and waits until it listens. Throws with its last lines when it does not, and leaves none running. */
export async function startChildService({
  settings,
  startTimeoutMs,
  temporaryDir,
  root = ownRoot,
  signal,
}: ChildOptions): Promise<ChildService> {
  signal.throwIfAborted();
  const known = passedOn.flatMap((name) =>
    process.env[name] === undefined ? [] : [[name, process.env[name]]],
  );
  // As scripts/run.mjs starts it.
  const program = ['--max-semi-space-size=16', path.join(root, 'src/main.ts')];
  const child = spawn(process.execPath, program, {
    cwd: root,
    // Nothing stands in front of it that would have to notice its end.
    env: { ...Object.fromEntries(known), SHUTDOWN_DELAY_SECONDS: '0', ...settings },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const watcher = watch(child, temporaryDir ?? '');
  const log = readChildLog([child.stdout, child.stderr]);
  const ended = untilEnded(child);
  void ended.then(() => watcher.end('gone\n'));
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const late = setTimeout(() => kill(child, 'SIGKILL'), stopDeadlineMs);
    kill(child, 'SIGTERM');
    await ended;
    clearTimeout(late);
  };
  try {
    const said = await untilListening(log, { ended, startTimeoutMs, signal });
    return { address: String(said.address), queue: String(said.queue ?? ''), ended, log, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function untilListening(
  log: ChildLog,
  wait: { ended: Promise<string>; startTimeoutMs: number; signal: AbortSignal },
): Promise<Record<string, unknown>> {
  const deadline = AbortSignal.timeout(wait.startTimeoutMs);
  const stopped = AbortSignal.any([wait.signal, deadline]);
  const never = untilAborted(stopped).then((): never => {
    throw stopped.reason;
  });
  never.catch(() => {}); // nobody listens any more once the service does
  const first = await Promise.race([log.listening, wait.ended, never]).catch((error: unknown) => {
    if (!deadline.aborted) throw error;
    return `no word within ${wait.startTimeoutMs / 1000} s`;
  });
  if (typeof first !== 'string') return first;
  throw new Error(`The service did not start: ${first}. Its last lines:\n${log.lastLines()}`);
}

// Its last words may come after its end, unless something that it left behind holds its output open.
function untilEnded(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    const resolveWith = (code: number | null, killedBy: string | null) =>
      resolve(killedBy ?? `exit code ${code}`);
    child.once('close', resolveWith);
    child.once('exit', (code, killedBy) =>
      sleep(outputDeadlineMs, undefined, { ref: false }).then(() => resolveWith(code, killedBy)),
    );
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
