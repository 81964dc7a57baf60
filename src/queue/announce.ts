// Ringing the doorbell: "these deliveries are stored". One ring is on its way at a time and ids gather for the next, so
// that a slow store gets fewer and larger jobs and not more of them. A ring is a hint. It is bounded in time and in
// number, and when it fails it is counted and forgotten, because the sweep rings again for whatever is still owed
// (guarantee 2).
import { setTimeout as wait } from 'node:timers/promises';
import type { Queue } from 'bullmq';
import type { Log } from '../log.ts';
import type { QueueBackend } from './backend.ts';
import { inspectQueue, type QueueFacts } from './inspect.ts';

export const deliveriesQueue = 'deliveries';

/** Rings for ids; `false` when nobody may have heard it. Never throws, never takes longer than its timeout. */
export type Announce = (ids: readonly string[]) => Promise<boolean>;

export interface Announcer {
  readonly announce: Announce;
  /** Resolves once the queue can be rung for the first time; never, while its store is away. */
  readonly opened: Promise<void>;
  close(): Promise<void>;
  /** How much waits, and what the store says of itself. */
  inspect(): Promise<QueueFacts>;
}

export interface AnnounceOptions {
  /** Ids in one job, which is one batch for a worker. */
  readonly batchMaxIds: number;
  readonly timeoutMs: number;
  readonly log: Log;
  /** Called for each ring that failed. */
  readonly onFailure: () => void;
}

// Ids that wait for a store that is away. Past this many the answer is known, and memory is all that waiting would cost.
const maxGatheredIds = 10_000;
const failureLogIntervalMs = 10_000;
// Rings under load, measured 2026-11-23: fewer and larger jobs cost Postgres a quarter less. A lone delivery waits for none.
const ringIntervalMs = 10;

export function createAnnouncer(backend: QueueBackend, options: AnnounceOptions): Announcer {
  let queue: Queue | undefined;
  const opening = backend.openQueue(deliveriesQueue, {
    // History lives in Postgres; ids are BullMQ's own, since it silently ignores a job whose id it has seen.
    defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: true },
    streams: { events: { maxLen: 100 } },
  });
  const opened = opening.then((answering) => {
    queue = answering;
  });
  let gathered: string[] = [];
  let ringing: Promise<void> | undefined;
  let lastLoggedAt = 0;
  let lastRungAt = Number.NEGATIVE_INFINITY;

  const fail = (reason: unknown): false => {
    options.onFailure();
    if (Date.now() - lastLoggedAt > failureLogIntervalMs) {
      lastLoggedAt = Date.now();
      options.log.warn({ err: reason }, 'the queue does not answer; the sweep will see to the deliveries');
    }
    return false;
  };

  // Rings for all that has gathered, once the ring before is through.
  const ringNext = async (answering: Queue, before: Promise<void> | undefined) => {
    await before?.catch(() => {});
    const restMs = lastRungAt + ringIntervalMs - performance.now();
    if (restMs > 0) await wait(restMs);
    lastRungAt = performance.now();
    const ids = gathered;
    gathered = [];
    await ring(answering, ids, options.batchMaxIds);
  };

  return {
    opened,
    announce: async (ids) => {
      if (ids.length === 0) return true;
      if (queue === undefined) return fail(new Error('the queue has not been reached yet'));
      if (gathered.length + ids.length > maxGatheredIds)
        return fail(new Error('too many ids wait for it already'));
      const isFirst = gathered.length === 0;
      gathered.push(...ids);
      // Whoever comes first orders the next ring; the others ride along with it.
      if (isFirst) ringing = ringNext(queue, ringing);
      return Promise.race([Promise.resolve(ringing).then(() => true), timeout(options.timeoutMs)]).catch(
        fail,
      );
    },
    inspect: () => inspectQueue(backend, queue),
    close: async () => {
      await queue?.close();
    },
  };
}

async function ring(queue: Queue, ids: readonly string[], batchMaxIds: number): Promise<void> {
  const jobs = [];
  for (let start = 0; start < ids.length; start += batchMaxIds) {
    jobs.push({ name: 'process', data: { ids: ids.slice(start, start + batchMaxIds) } });
  }
  const [only, ...others] = jobs;
  // On Postgres a bulk of one costs several times what the plain call does: it makes two temporary tables.
  if (only !== undefined && others.length === 0) await queue.add(only.name, only.data);
  else await queue.addBulk(jobs);
}

function timeout(ms: number): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms).unref();
  });
}
