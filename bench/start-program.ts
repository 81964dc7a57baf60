// Starts a contender's program as a process of its own, and a service in the part that it is to play, and gives both the
// same face: where it is, who it is, whether it is done, and how to stop it.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Asked, Counts, Part, Told } from './contenders/program.ts';
import { readMetrics } from './read-metrics.ts';
import { startService } from './start-service.ts';
import type { Place } from './stores.ts';

/** A contender that runs. */
export interface Playing {
  /** Where deliveries are to be sent; empty for one that only works. */
  readonly address: string;
  /** Its processes, the receiving one first. */
  readonly pids: readonly number[];
  /** From its start until it was ready. */
  readonly startMs: number;
  /** Whether everything that it accepted has been processed. */
  isDone(): Promise<boolean>;
  /** How many it has accepted since its start, by its own count. */
  countAccepted(): Promise<number>;
  /** Its warnings so far, counted by message. */
  warnings(): Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

export async function startProgram(
  file: string,
  part: Part,
  { secret, databaseUrl, redisUrl, signal }: Place,
  filledCount: number,
): Promise<Playing> {
  const startedMs = performance.now();
  const child = fork(path.join(import.meta.dirname, 'contenders', `${file}.ts`));
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${file} has ended`);
  });
  ended.catch(() => {});
  const ask = async (message: Asked): Promise<Told> => {
    const answer = once(child, 'message', { signal });
    child.send(message);
    const [told] = await Promise.race([answer, ended]);
    return told as Told;
  };
  const stop = async () => {
    if (child.connected) child.disconnect();
    await ended.catch(() => {});
  };
  try {
    const told = await ask({ setup: { part, secret, databaseUrl, redisUrl, filledCount } });
    return {
      address: 'address' in told ? told.address : '',
      pids: [child.pid ?? 0],
      startMs: performance.now() - startedMs,
      isDone: async () => {
        const { accepted, finished } = countsOf(await ask({ ask: 'counts' }));
        return finished >= accepted;
      },
      countAccepted: async () => countsOf(await ask({ ask: 'counts' })).accepted - filledCount,
      warnings: () => ({}),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function countsOf(told: Told): Counts {
  if ('counts' in told) return told.counts;
  throw new Error('the program told its address and not its counts');
}

const roles = { receive: 'receiver', work: 'worker', whole: 'all' } as const;

/** The service with nothing set but what it needs: one process that plays the part. */
export async function startOurs(
  part: Part,
  { secret, databaseUrl, db, signal }: Place,
  queue: Readonly<Record<string, string>>,
): Promise<Playing> {
  const startedMs = performance.now();
  const settings = { DATABASE_URL: databaseUrl, ROLE: roles[part], ...queue };
  const service = await startService(settings, { secret, signal });
  const { pid } = await service.log.listening;
  return {
    address: service.address,
    pids: [Number(pid)],
    startMs: performance.now() - startedMs,
    isDone: async () => {
      const [owed] = await db.query({
        name: 'is-one-owed',
        text: `select from deliveries where state = 'received' order by id limit 1`,
      });
      return owed === undefined;
    },
    countAccepted: async () =>
      (await readMetrics(service.address)).get('ilive_deliveries_received_total') ?? 0,
    warnings: () => service.log.warnings(),
    stop: () => service.stop(),
  };
}

/** Two processes, one that receives and one that works, as one contender. */
export async function startApart(start: (part: Part) => Promise<Playing>): Promise<Playing> {
  const receiver = await start('receive');
  const worker = await start('work').catch(async (error: unknown) => {
    await receiver.stop();
    throw error;
  });
  return {
    address: receiver.address,
    pids: [...receiver.pids, ...worker.pids],
    startMs: receiver.startMs + worker.startMs,
    isDone: receiver.isDone,
    countAccepted: receiver.countAccepted,
    warnings: () => ({ ...receiver.warnings(), ...worker.warnings() }),
    stop: async () => {
      await receiver.stop();
      await worker.stop();
    },
  };
}
