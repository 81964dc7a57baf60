// Several processes from one start (WEB_CONCURRENCY): the parent forks as many of `main.ts`, which share the port, and starts
// anew each one that ends. It owns what there must be one of, the embedded Postgres and the migrations, and receives and
// processes nothing itself: so nothing that a delivery does can end it. One that dies is one receiver or worker that dies.
import cluster, { type Worker } from 'node:cluster';
import { setTimeout as wait } from 'node:timers/promises';
import { backoffMs } from './backoff.ts';
import type { Config } from './config.ts';
import { openDatabase } from './db/open.ts';
import type { Log } from './log.ts';
import { passMetricsOn } from './process-metrics.ts';

/** How a process learns its number; no key of the configuration. */
export const processNumberKey = 'ILIVE_WEBHOOKS_PROCESS';

export interface Processes {
  /** Resolves with the exit code once none runs any more. Throws what keeps the database from being opened. */
  run(): Promise<number>;
  /** Stops all of them, at once or, where they leave, as a proxy in front expects it; a second call makes haste. */
  stop(exitCode: number, isLeaving?: boolean): void;
}

/** A process that ran this long was healthy: what ends it afterwards is a new story with short waits. */
const healthyAfterMs = 60_000;
const restartWait = { baseMs: 200, maxMs: 30_000 };
// What a process may take beyond its grace period before it is killed; below the ten seconds that platforms are told.
const killAfterGraceMs = 8_000;
const connectionsOfOne = 80;
const embeddedConnections = 200;

interface Parent extends Pick<Processes, 'stop'> {
  /** Whether any of them has ever listened: then what they are started with is sound, and one that ends is started anew. */
  hasListened: boolean;
  readonly config: Config;
  readonly log: Log;
  readonly running: Map<number, Worker>;
  readonly isStopping: () => boolean;
}

/** As many processes as `config` wants; none runs before `run`. */
export function createProcesses(config: Config, log: Log): Processes {
  const { promise: stopped, resolve } = Promise.withResolvers<{ exitCode: number; signal: NodeJS.Signals }>();
  const running = new Map<number, Worker>();
  let isStopping = false;
  const stop = (exitCode: number, isLeaving = false) => {
    if (isStopping && !isLeaving) for (const worker of running.values()) worker.process.kill('SIGINT');
    isStopping = true;
    resolve({ exitCode, signal: isLeaving ? 'SIGTERM' : 'SIGINT' });
  };
  const parent: Parent = { config, log, running, hasListened: false, isStopping: () => isStopping, stop };
  return {
    stop,
    run: async () => {
      const database = await openDatabase({
        url: config.database.url?.reveal(),
        dataDir: config.dataDir,
        settings: {
          max_connections: String(Math.max(embeddedConnections, connectionsOfOne * config.processes)),
        },
        log,
        onLost: () => stop(1),
        isGivenUp: parent.isStopping,
      }).catch((error: unknown) => {
        if (!isStopping) throw error;
      });
      // Stopped while the database was waited for: that was asked for.
      if (database === undefined) return (await stopped).exitCode;
      passMetricsOn(parent.running);
      // Each finds the embedded Postgres under an address, and takes it for somebody else's.
      const env = config.database.url === undefined ? { DATABASE_URL: database.url } : undefined;
      for (let number = 1; number <= config.processes; number += 1) void keepRunning(parent, number, env);
      const { exitCode, signal } = await stopped;
      await endAll(parent, signal);
      await database.close();
      return exitCode;
    },
  };
}

// One place of several: a process, and after its end the next.
async function keepRunning(parent: Parent, number: number, env?: Record<string, string>): Promise<void> {
  const { log } = parent;
  for (let attempt = 0; !parent.isStopping(); attempt += 1) {
    const startedAt = performance.now();
    const how = await runOne(parent, number, env, () => {
      parent.hasListened = true;
    });
    parent.running.delete(number);
    if (parent.isStopping()) return;
    if (!parent.hasListened) {
      log.error({ process: number, how }, 'a process ended before any had ever listened; stopping');
      parent.stop(typeof how === 'number' && how > 0 ? how : 1);
      return;
    }
    if (performance.now() - startedAt > healthyAfterMs) attempt = 0;
    const waitMs = backoffMs(attempt, restartWait);
    log.error({ process: number, how, waitMs }, 'a process has ended and is started anew');
    await wait(waitMs);
  }
}

// Answers how it ended: with an exit code, by a signal, or by the code of the error that kept it from being started.
async function runOne(
  { running }: Parent,
  number: number,
  env: Record<string, string> | undefined,
  onListening: () => void,
): Promise<number | string> {
  try {
    const worker = cluster.fork({ ...env, [processNumberKey]: String(number) });
    running.set(number, worker);
    worker.once('listening', onListening);
    return await untilEnded(worker);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

function untilEnded(worker: Worker): Promise<number | string> {
  return new Promise((resolve) => {
    worker.once('exit', (code: number | null, signal: string | null) => resolve(signal ?? code ?? 1));
    worker.on('error', (error: NodeJS.ErrnoException) => {
      // What was never started never exits; else it is a message to one that is ending.
      if (worker.process.pid === undefined) resolve(error.code ?? error.message);
    });
  });
}

// All at once: the grace period is one, and whoever stands in front is to see that none is left.
async function endAll({ running, config, log }: Parent, signal: NodeJS.Signals): Promise<void> {
  const ending = [...running].map(async ([number, worker]) => {
    const late = setTimeout(
      () => {
        log.error({ process: number }, 'a process did not stop in time and is killed');
        worker.process.kill('SIGKILL');
      },
      config.shutdownDelayMs + config.shutdownGraceMs + killAfterGraceMs,
    );
    if (!worker.isDead()) await Promise.all([untilEnded(worker), worker.process.kill(signal)]);
    clearTimeout(late);
  });
  await Promise.all(ending);
}
