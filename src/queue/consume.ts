// Hearing the doorbell: hands each job's ids to a plain function that knows nothing of BullMQ. A handler that throws
// loses its job and nothing else: the deliveries are still owed, and the sweep brings them back. A worker that reports
// one error after another is thrown away and opened anew, since BullMQ itself would try again without a pause.
import { setTimeout as wait } from 'node:timers/promises';
import type { Worker } from 'bullmq';
import type { Log } from '../log.ts';
import { createSeldom } from '../seldom.ts';
import { endsWithin } from '../within.ts';
import { type Lane, queueNames } from './announce.ts';
import type { QueueBackend } from './backend.ts';
import { idsOf } from './job-data.ts';
import { troubleOf } from './trouble.ts';

export interface ConsumeOptions {
  readonly lane: Lane;
  /** Jobs at work at once in this process. */
  readonly concurrency: number;
  readonly log: Log;
}

export interface Consumer {
  /** Takes no more jobs and waits for those at work; for its store only a moment. */
  close(): Promise<void>;
}

type Stage =
  | { readonly is: 'opening' }
  | { readonly is: 'running'; readonly worker: Worker }
  | { readonly is: 'closed' };

const lockMs = 60_000;
const retryAfterErrorMs = 1_000;
const burstErrors = 10;
const burstWindowMs = 1_000;
const burstLogIntervalMs = 60_000;
const stuckAfterMs = 5_000;
const makeRoomMs = 1_000;
const makeRoomIntervalMs = 5_000;
/** For telling the store that jobs are done, once they are. One that is away is not waited for, and brings them again. */
const lastWordsMs = 500;

/** Starts taking jobs once the store answers. A store that is away is waited for; its absence is never thrown. */
export function consume(
  backend: QueueBackend,
  handler: (ids: readonly string[]) => Promise<void>,
  { lane, concurrency, log }: ConsumeOptions,
): Consumer {
  let stage: Stage = { is: 'opening' };
  const isClosed = () => stage.is === 'closed';
  const atWork = new Set<Promise<void>>();
  const work = ({ data }: { readonly data: unknown }): Promise<void> => {
    const working = handler(idsOf(data))
      .catch(keepReason)
      .finally(() => atWork.delete(working));
    atWork.add(working);
    return working;
  };
  const tell = tellNowAndThen(log);
  const workerOptions = {
    concurrency,
    lockDuration: lockMs,
    runRetryDelay: retryAfterErrorMs,
    maxStalledCount: 3,
  };

  const runUntilClosed = async () => {
    while (!isClosed()) {
      const worker = await backend.openWorker(queueNames[lane], work, workerOptions);
      if (worker === undefined) return;
      if (isClosed()) return void (await worker.close().catch(() => {}));
      stage = { is: 'running', worker };
      worker.on('failed', (job, error) =>
        log.warn({ err: error.cause ?? error, job: job?.id }, 'a batch failed; the sweep will bring it back'),
      );
      const stopped = worker
        .run()
        .catch((error: unknown) => log.warn({ err: error }, 'the queue worker stopped'));
      // One that is closed while it waits for a job may wait for ever (bullmq 6.7.0 on Postgres).
      await Promise.race([stopped, thrownAwayOnBurst(worker, tell)]);
      if (isClosed()) return;
      stage = { is: 'opening' };
      await worker.close(true).catch(() => {});
      // What the old one took is still at work, and counts, but for what is stuck.
      await endsWithin(stuckAfterMs, Promise.allSettled(atWork));
      await wait(retryAfterErrorMs);
    }
  };
  const running = runUntilClosed();

  return {
    close: async () => {
      const before = stage;
      stage = { is: 'closed' };
      const closed = before.is === 'running' ? before.worker.close().catch(() => {}) : undefined;
      const ended = Promise.all([closed, running]);
      // What was on its way when it was closed is worked off too.
      do await Promise.allSettled(atWork);
      while (!(await endsWithin(lastWordsMs, ended)) && atWork.size > 0);
    },
  };
}

// What a job fails with BullMQ writes into the store, which is to hold ids alone. What caused it stays here.
function keepReason(reason: unknown): never {
  throw new Error('the log says why', { cause: reason });
}

// Resolves once a worker has been closed because of its errors.
function thrownAwayOnBurst(worker: Worker, tell: (error: Error) => void): Promise<void> {
  let errorsAt: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const throwAway = async (error: Error) => {
    tell(error);
    await worker.close(true).catch(() => {});
    resolve();
  };
  let roomMadeAt = Number.NEGATIVE_INFINITY;
  worker.on('error', (error) => {
    const now = performance.now();
    if (troubleOf(error) === 'full' && now - roomMadeAt > makeRoomIntervalMs) {
      roomMadeAt = now;
      tell(error);
      void makeRoom(worker);
    }
    errorsAt = [...errorsAt.filter((at) => now - at < burstWindowMs), now];
    if (errorsAt.length === burstErrors) void throwAway(error);
  });
  return promise;
}

// A Redis that is full refuses even what takes a job out of it, so that one full of rings would be so for ever. They may go:
// the sweep rings again.
async function makeRoom(worker: Worker): Promise<void> {
  await endsWithin(makeRoomMs, worker.getBackend().drain(false));
}

function tellNowAndThen(log: Log): (error: Error) => void {
  const countBursts = createSeldom(burstLogIntervalMs);
  return (error) => {
    const message = 'the queue answers with one error after another; connecting anew';
    if (countBursts() === undefined) log.debug({ err: error }, message);
    else log.warn({ err: error }, message);
  };
}
