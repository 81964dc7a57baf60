// Signed deliveries and a flood of refused requests at once, in a process of its own: each side is a closed loop over
// connections of its own. The measurement begins when the warm-up's share of the flood is answered and ends when the
// whole share is, however long that takes; the signed side goes on all the while. Only 202 there and 401 here are right.
import {
  type Answers,
  type LoadResult,
  resultOf,
  startCannon,
  tallyAnswers,
  untilAnswered,
} from './cannon.ts';
import { createSigner } from './deliveries-to-send.ts';
import { prepareRefused } from './refused-requests.ts';
import { prepareRequests } from './requests.ts';

export interface FloodJob {
  readonly secret: string;
  /** Of the signed deliveries. */
  readonly connections: number;
  readonly floodConnections: number;
  readonly warmUpRequests: number;
  readonly floodRequests: number;
  readonly bodyBytes: number;
}

export interface FloodResult extends LoadResult {
  readonly refusedCount: number;
  /** Answers to the flood other than 401, by status. */
  readonly floodStatuses: Readonly<Record<string, number>>;
  readonly floodErrorCount: number;
}

export type FloodMessage =
  | { readonly about: 'begun' }
  | { readonly about: 'ended'; readonly result: FloodResult };

// Ready before the measurement: more than were seen to be acknowledged in the time of one refusal.
const preparedPerRefused = 2;
const preparedAtLeast = 20_000;
// Longer than any round: a flood that is not through by then says so.
const longestSeconds = 1_800;

async function runFlood(
  { url: address, ...job }: FloodJob & { readonly url: string },
  tell: (message: FloodMessage) => void,
): Promise<void> {
  const url = new URL(address);
  const { connections, floodConnections, warmUpRequests, floodRequests } = job;
  const prepared = Math.max(preparedAtLeast, preparedPerRefused * (warmUpRequests + floodRequests));
  const requests = prepareRequests(url, createSigner('ilive', job.secret), prepared);
  const refusedOf = prepareRefused(url, job.bodyBytes);
  const flood = (amount: number) =>
    startCannon(url, { connections: floodConnections, amount, requestsOf: refusedOf });
  const signed = startCannon(url, {
    connections,
    duration: longestSeconds,
    requestsOf: () => () => requests.next(),
  });
  const tally = tallyAnswers(signed, 202);
  await untilAnswered(flood(warmUpRequests), warmUpRequests);
  const measured = flood(floodRequests);
  const floodTally = tallyAnswers(measured, 401);
  tally.begin();
  floodTally.begin();
  tell({ about: 'begun' });
  await untilAnswered(measured, floodRequests);
  const floodAnswers: Answers = floodTally.end();
  const answers = tally.end();
  signed.stop();
  tell({
    about: 'ended',
    result: {
      ...resultOf(answers, requests),
      refusedCount: floodAnswers.latenciesMs.length,
      floodStatuses: floodAnswers.otherStatuses,
      floodErrorCount: floodAnswers.errorCount,
    },
  });
}

process.once('message', (job: FloodJob & { url: string }) => {
  const tell = (message: FloodMessage) => process.send?.(message);
  runFlood(job, tell).then(
    () => process.disconnect(),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.once('disconnect', () => process.exit());
