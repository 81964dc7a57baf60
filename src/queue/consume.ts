// Hearing the doorbell: hands each job's ids to a plain function that knows nothing of BullMQ. A handler that throws
// loses its job and nothing else: the deliveries are still owed, and the sweep brings them back.
import type { Log } from '../log.ts';
import { deliveriesQueue } from './announce.ts';
import type { QueueBackend } from './backend.ts';

export interface ConsumeOptions {
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

/** Starts taking jobs at once. A store that is away is waited for, and its absence is logged but not thrown. */
export function consume(
  backend: QueueBackend,
  handler: (ids: readonly string[]) => Promise<void>,
  { concurrency, log }: ConsumeOptions,
): Consumer {
  const worker = backend.createWorker(
    deliveriesQueue,
    async (job) => {
      await handler(readIds(job.data));
    },
    { concurrency, lockDuration: lockMs, runRetryDelay: retryAfterErrorMs, maxStalledCount: 3 },
  );
  worker.on('error', (error) => log.debug({ err: error }, 'queue connection'));
  worker.on('failed', (job, error) =>
    log.warn({ err: error, job: job?.id }, 'a batch failed; the sweep will bring it back'),
  );
  return { close: () => worker.close() };
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

// Whatever else may stand in the store, only ids come out of it.
function readIds(data: unknown): string[] {
  const ids = (data as { ids?: unknown } | null)?.ids;
  return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string' && uuid.test(id)) : [];
}
