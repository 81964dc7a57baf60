// The load, as a process of its own: it is handed a job, sends deliveries over connections that stay open, each the next
// one as soon as its answer is there, and hands back what it saw. The warm-up is under the same load and not counted.
// Only a 202 counts as acknowledged; every other answer and every broken connection is reported.
import { type LoadResult, resultOf, startCannon, tallyAnswers } from './cannon.ts';
import { prepareRequests } from './requests.ts';

export interface LoadJob {
  readonly url: string;
  readonly secret: string;
  readonly connections: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
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
  const instance = startCannon(url, {
    connections,
    duration: warmUpSeconds + seconds + 60,
    requestsOf: () => () => requests.next(),
  });
  const tally = tallyAnswers(instance, 202);
  await wait(warmUpSeconds);
  tally.begin();
  tell({ about: 'begun' });
  await wait(seconds);
  const measured = tally.end();
  instance.stop();
  tell({ about: 'ended', result: resultOf(measured, requests) });
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
