// The load, as a process of its own: it is handed a job, sends deliveries over connections that stay open, each the next
// one as soon as its answer is there, and hands back what it saw. The warm-up is under the same load and not counted.
// Only a 202 counts as acknowledged; every other answer and every broken connection is reported.
import autocannon from 'autocannon';
import { prepareRequests, type Requests } from './requests.ts';
import { quantile } from './statistics.ts';

export interface LoadJob {
  readonly url: string;
  readonly secret: string;
  readonly connections: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

export interface LoadResult {
  readonly seconds: number;
  readonly acknowledgedCount: number;
  /** Answers other than 202, by status. */
  readonly otherStatuses: Readonly<Record<string, number>>;
  /** Broken connections and time-outs. */
  readonly errorCount: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly bodyBytes: number;
  /** Requests that were signed during the measurement; above zero the load held itself back. */
  readonly lateCount: number;
}

export type LoadMessage =
  | { readonly about: 'begun' }
  | { readonly about: 'ended'; readonly result: LoadResult };

// Well above what the load can send on the machines seen so far, so that none is signed while it runs.
const preparedPerSecond = 18_000;

async function runLoad(job: LoadJob, tell: (message: LoadMessage) => void): Promise<void> {
  const { connections, warmUpSeconds, seconds } = job;
  const url = new URL(job.url);
  const requests = prepareRequests(url, job.secret, preparedPerSecond * (warmUpSeconds + seconds));
  const seen = { latenciesMs: [] as number[], otherStatuses: {} as Record<string, number>, errorCount: 0 };
  let isCounting = false;
  const instance = startCannon(url, requests, connections, warmUpSeconds + seconds + 60);
  instance.on('response', (_client, status, _bytes, latencyMs) => {
    if (!isCounting) return;
    if (status === 202) seen.latenciesMs.push(latencyMs);
    else seen.otherStatuses[status] = (seen.otherStatuses[status] ?? 0) + 1;
  });
  instance.on('reqError', () => {
    if (isCounting) seen.errorCount += 1;
  });
  await wait(warmUpSeconds);
  isCounting = true;
  const begunAt = performance.now();
  tell({ about: 'begun' });
  await wait(seconds);
  isCounting = false;
  const measuredSeconds = (performance.now() - begunAt) / 1000;
  instance.stop();
  const sorted = Float64Array.from(seen.latenciesMs).sort();
  const isSilent = sorted.length === 0;
  tell({
    about: 'ended',
    result: {
      seconds: measuredSeconds,
      acknowledgedCount: sorted.length,
      otherStatuses: seen.otherStatuses,
      errorCount: seen.errorCount,
      p50Ms: isSilent ? 0 : quantile(sorted, 0.5),
      p99Ms: isSilent ? 0 : quantile(sorted, 0.99),
      bodyBytes: requests.bodyBytes,
      lateCount: requests.lateCount(),
    },
  });
}

function startCannon(url: URL, requests: Requests, connections: number, duration: number) {
  return autocannon(
    {
      url: url.href,
      method: 'POST',
      connections,
      duration,
      // autocannon's own way to vary a request builds it anew each time, at several times the cost of sending it.
      setupClient: (client) => {
        Object.assign(client, { getRequestBuffer: () => requests.next() });
      },
    },
    () => {},
  );
}

function wait(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

process.once('message', (job: LoadJob) => {
  const tell = (message: LoadMessage) => process.send?.(message);
  runLoad(job, tell).then(
    () => process.disconnect(),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.once('disconnect', () => process.exit());
