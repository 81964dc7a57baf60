// The load, as a process of its own: it is handed a job, sends deliveries over connections that stay open, each the next
// one as soon as its answer is there, and hands back what it saw. It warms the contender up under the same load, and then
// waits to be told to go on, so that nothing of the warm-up is left to be worked off when the measurement begins: it stops
// sending first and stays for the answers to all that is under way. Only a 202 counts as acknowledged; every other answer and
// every broken connection is reported. What was answered with 202, it can name, each from the first to the last.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
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

export interface Loaded extends LoadResult {
  /** With those that were under way when the time was over, which are answered after it. */
  readonly acceptedCount: number;
}

export type LoadMessage =
  /** Ready for `go`. */
  | { readonly about: 'warmed'; readonly result: Loaded }
  /** Ready for `name`. */
  | { readonly about: 'ended'; readonly result: Loaded }
  /** Some of all deliveries that were answered with 202, the warm-up's among them; after the last of them none. */
  | { readonly about: 'named'; readonly names: readonly string[] };

const acknowledged = 202;
// Of a long run there are more than fit into one message.
const namesAtOnce = 100_000;
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
  const names: string[] = [];
  const fireFor = (length: number) => fire(url, { requests, connections, seconds: length, names });
  tell({ about: 'warmed', result: await fireFor(warmUpSeconds) });
  await once(process, 'message');
  tell({ about: 'ended', result: await fireFor(seconds) });
  for (let start = 0; ; start += namesAtOnce) {
    await once(process, 'message');
    tell({ about: 'named', names: names.slice(start, start + namesAtOnce) });
  }
}

interface Firing {
  readonly requests: Requests;
  readonly connections: number;
  readonly seconds: number;
  /** Where the names of what is answered with 202 are put down. */
  readonly names: string[];
}

async function fire(url: URL, { requests, connections, seconds, names }: Firing): Promise<Loaded> {
  const countBefore = names.length;
  const cannon = startCannon(url, {
    connections,
    duration: seconds + 60,
    requestsOf: (connection) => {
      let name = '';
      connection.on('response', (status) => {
        if (status === acknowledged) names.push(name);
      });
      return () => {
        const request = requests.next();
        name = requests.lastName();
        return request;
      };
    },
  });
  const tally = tallyAnswers(cannon, acknowledged);
  tally.begin();
  await sleep(seconds * 1000);
  tally.stopClock();
  await cannon.finish();
  return { ...resultOf(tally.end(), requests), acceptedCount: names.length - countBefore };
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
