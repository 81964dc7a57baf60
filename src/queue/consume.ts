// Hearing the doorbell: hands each job's ids to a plain function that knows nothing of BullMQ. A handler that throws
// loses its job and nothing else: the deliveries are still owed, and the sweep brings them back. A worker that reports
// one error after another is thrown away and opened anew, since BullMQ itself would try again without a pause.
import { setTimeout as wait } from 'node:timers/promises';
import type { Worker } from 'bullmq';
import type { Log } from '../log.ts';
import { type Lane, queueNames } from './announce.ts';
import type { QueueBackend } from './backend.ts';

export interface ConsumeOptions {
  readonly lane: Lane;
  /** Jobs at work at once in this process. */
  readonly concurrency: number;
  readonly log: Log;
}

export interface Consumer {
  /** Takes no more jobs and waits for those at work. */
  close(): Promise<void>;
}

const lockMs = 60_000;
const retryAfterErrorMs = 1_000;
const burstErrors = 10;
const burstWindowMs = 1_000;

/** Starts taking jobs once the store answers. A store that is away is waited for; its absence is never thrown. */
export function consume(
  backend: QueueBackend,
  handler: (ids: readonly string[]) => Promise<void>,
  { lane, concurrency, log }: ConsumeOptions,
): Consumer {
  let worker: Worker | undefined;
  let isClosed = false;
  const workerOptions = {
    concurrency,
    lockDuration: lockMs,
    runRetryDelay: retryAfterErrorMs,
    maxStalledCount: 3,
  };

  const runUntilClosed = async () => {
    while (!isClosed) {
      worker = await backend.openWorker(queueNames[lane], (job) => handler(readIds(job.data)), workerOptions);
      if (worker === undefined) break;
      if (isClosed) {
        await worker.close().catch(() => {});
        break;
      }
      worker.on('failed', (job, error) =>
        log.warn({ err: error, job: job?.id }, 'a batch failed; the sweep will bring it back'),
      );
      const stopped = worker
        .run()
        .catch((error: unknown) => log.warn({ err: error }, 'the queue worker stopped'));
      // One that is closed while it waits for a job may wait for ever (bullmq 6.7.0 on Postgres).
      await Promise.race([stopped, closedOnBurst(worker, log)]);
      await worker.close().catch(() => {});
      if (!isClosed) await wait(retryAfterErrorMs);
    }
  };
  const running = runUntilClosed();

  return {
    close: async () => {
      isClosed = true;
      await worker?.close();
      // One that still waits for its store ends when the backend is disconnected; nothing is at work in it.
      if (worker !== undefined) await running;
    },
  };
}

// Resolves once a worker has been closed because of its errors.
function closedOnBurst(worker: Worker, log: Log): Promise<void> {
  let errorsAt: number[] = [];
  return new Promise((resolve) => {
    worker.on('error', (error) => {
      const now = performance.now();
      errorsAt = [...errorsAt.filter((at) => now - at < burstWindowMs), now];
      if (errorsAt.length !== burstErrors) return;
      log.warn({ err: error }, 'the queue answers with one error after another; connecting anew');
      void worker
        .close(true)
        .catch(() => {})
        .then(resolve);
    });
  });
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

// Whatever else may stand in the store, only ids come out of it.
function readIds(data: unknown): string[] {
  const ids = (data as { ids?: unknown } | null)?.ids;
  return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string' && uuid.test(id)) : [];
}
