// The load, as a process of its own: it is handed a job, sends deliveries over connections that stay open, each the next
// one as soon as its answer is there, and hands back what it saw. It warms the contender up under the same load, and then
// waits to be told to go on, so that nothing of the warm-up is left to be worked off when the measurement begins. Only a
// 202 counts as acknowledged; every other answer and every broken connection is reported.
import { type LoadResult, resultOf, startCannon, tallyAnswers } from './cannon.ts';
import { createSigner, type Dialect } from './deliveries-to-send.ts';
import { prepareRequests, type Requests } from './requests.ts';

export interface LoadJob {
  readonly url: string;
  readonly secret: string;
  readonly dialect: Dialect;
  readonly connections: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

export type LoadMessage =
  /** Ready for `go`. */
  | { readonly about: 'warmed'; readonly result: LoadResult }
  | { readonly about: 'ended'; readonly result: LoadResult };

// Above what the load can send on the machines seen so far, so that none is signed while it runs.
const preparedPerSecond = 18_000;
// About 300 MB. A load that needs more signs the rest while it runs, which slows it down somewhat and is no fault.
const preparedMaxCount = 300_000;

async function runLoad(job: LoadJob, tell: (message: LoadMessage) => void): Promise<void> {
  const { connections, warmUpSeconds, seconds, dialect, secret } = job;
  const url = new URL(job.url);
  const count = preparedPerSecond * (warmUpSeconds + seconds);
  const prepared = prepareRequests(url, createSigner(dialect, secret), Math.min(count, preparedMaxCount));
  const requests: Requests = count > preparedMaxCount ? { ...prepared, lateCount: () => 0 } : prepared;
  tell({ about: 'warmed', result: await fire(url, requests, connections, warmUpSeconds) });
  await new Promise((resolve) => process.once('message', resolve));
  tell({ about: 'ended', result: await fire(url, requests, connections, seconds) });
}

async function fire(url: URL, requests: Requests, connections: number, seconds: number): Promise<LoadResult> {
  const instance = startCannon(url, {
    connections,
    duration: seconds + 60,
    requestsOf: () => () => requests.next(),
  });
  const tally = tallyAnswers(instance, 202);
  tally.begin();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const answers = tally.end();
  instance.stop();
  return resultOf(answers, requests);
}

process.once('message', (job: LoadJob) => {
  const tell = (message: LoadMessage) => process.send?.(message);
  // It stays until whoever measures lets it go, so that its share of the processors can still be read.
  runLoad(job, tell).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
process.once('disconnect', () => process.exit());
