// Ringing the doorbell: "these deliveries are stored". One ring is on its way at a time and ids gather for the next, so
// that a slow store gets fewer and larger jobs and not more of them. There are two bells: what has been owed for long is
// rung for on one of its own, so that a backlog of any size stands behind nobody. A ring is a hint. It is bounded in time
// and in number, and a job that fails is logged and forgotten, because the sweep rings again for whatever is still owed
// (guarantee 2).
import { setTimeout as wait } from 'node:timers/promises';
import type { Queue } from 'bullmq';
import { cut } from '../batches.ts';
import type { Log } from '../log.ts';
import type { QueueFacts } from '../queue-facts.ts';
import { createSeldom } from '../seldom.ts';
import { endsWithin, within } from '../within.ts';
import type { QueueBackend } from './backend.ts';
import { type Crowd, waitingMaxJobs, watchCrowd } from './crowd.ts';
import { createInspection } from './inspect.ts';
import { jobOf } from './job-data.ts';
import { splitByAge } from './lateness.ts';
import { createRingPace } from './ring-pace.ts';

export const queueNames = { live: 'deliveries', late: 'late-deliveries' } as const;
export type Lane = keyof typeof queueNames;

/** Rings for ids; `false` when some of them may have been heard by nobody. Never throws, never takes longer than its timeout. */
export type Announce = (ids: readonly string[]) => Promise<boolean>;

export interface Announcer {
  readonly announce: Announce;
  /** Resolves once both bells can be rung for the first time; never, where their store stays away. */
  readonly opened: Promise<void>;
  /** Lets rings that are on their way arrive; a store that is away is not waited for. */
  close(): Promise<void>;
  /** How much waits, and what the store says of itself. */
  inspect(): Promise<QueueFacts>;
}

export interface AnnounceOptions {
  /** Ids in one job, which is one batch for a worker. */
  readonly batchMaxIds: number;
  /** Deliveries older than this are late. */
  readonly lateAfterMs: number;
  readonly timeoutMs: number;
  readonly log: Log;
  /** The clock that ids are made by. */
  readonly now: () => Date;
  /** Called for each ring that failed. */
  readonly onFailure: () => void;
}

// Ids that wait for a store that is away. Past this many the answer is known, and memory is all that waiting would cost.
const maxGatheredIds = 10_000;
const failureLogIntervalMs = 10_000;
const closeMs = 500;

export function createAnnouncer(backend: QueueBackend, options: AnnounceOptions): Announcer {
  const countFailures = createSeldom(failureLogIntervalMs);
  const fail = (reason: unknown): false => {
    options.onFailure();
    if (countFailures() !== undefined) {
      options.log.warn({ err: reason }, 'the queue takes no rings; the sweep will see to the deliveries');
    }
    return false;
  };
  const bells = { live: hangBell(backend, 'live', options), late: hangBell(backend, 'late', options) };
  return {
    opened: Promise.all([bells.live.opened, bells.late.opened]).then(() => {}),
    announce: async (ids) => {
      if (ids.length === 0) return true;
      const { live, late } = splitByAge(ids, options.now().getTime(), options.lateAfterMs);
      const rung = await Promise.allSettled([bells.live.ring(live), bells.late.ring(late)]);
      const failed = rung.find((each) => each.status === 'rejected');
      return failed === undefined || fail(failed.reason);
    },
    inspect: createInspection(backend, () => [bells.live.queue(), bells.late.queue()]),
    close: async () => {
      const closed = [bells.live, bells.late].map((bell) => bell.queue()?.close());
      await endsWithin(closeMs, Promise.all(closed));
    },
  };
}

interface Bell {
  readonly opened: Promise<void>;
  queue(): Queue | undefined;
  /** Throws when nobody may have heard it. */
  ring(ids: readonly string[]): Promise<void>;
}

interface Ring {
  /** Of all ids that were ever gathered, how many have been rung for by now. */
  readonly rungCount: number;
  /** Undefined for one that was heard. */
  readonly failure: unknown;
}

function hangBell(backend: QueueBackend, lane: Lane, { batchMaxIds, timeoutMs }: AnnounceOptions): Bell {
  let queue: Queue | undefined;
  let crowd: Crowd | undefined;
  const opening = backend.openQueue(queueNames[lane], {
    // History lives in Postgres; ids are BullMQ's own, since it silently ignores a job whose id it has seen. The newest
    // first: who has waited long waits among the late ones, and those are heard in order.
    defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: true, lifo: lane === 'live' },
    streams: { events: { maxLen: 100 } },
  });
  const opened = opening.then((answering) => {
    if (answering === undefined) return new Promise<never>(() => {});
    queue = answering;
    return undefined;
  });
  const gathered: string[] = [];
  let gatheredCount = 0;
  let full = Promise.withResolvers<void>();
  let ringing: Promise<Ring> | undefined;
  const pace = createRingPace();

  // Rings for all that has gathered, but for those that would only begin another job: they wait for more.
  const ringNext = async (answering: Queue): Promise<Ring> => {
    crowd ??= watchCrowd(answering);
    const restMs = pace.restMs();
    // A job that is full gains nothing by waiting.
    if (restMs > 1 && gathered.length < batchMaxIds) await Promise.race([wait(restMs), full.promise]);
    const refusal = await refusalOf(crowd);
    const inFullJobs = gathered.length - (gathered.length % batchMaxIds);
    const ids = gathered.splice(0, inFullJobs || gathered.length);
    const rungCount = gatheredCount - gathered.length;
    full = Promise.withResolvers();
    const end = pace.begin(ids.length);
    const jobs = refusal === undefined ? cut(ids, batchMaxIds) : [];
    crowd.grow(jobs.length);
    // Each by itself: on Postgres BullMQ's `addBulk` makes temporary tables every time, see 010.
    const added = await Promise.allSettled(jobs.map((ids) => answering.add('process', jobOf(ids))));
    end();
    ringing = undefined;
    return { rungCount, failure: refusal ?? added.find((each) => each.status === 'rejected')?.reason };
  };

  // Whoever comes first orders the next ring; the others ride along with it. Also behind one that failed: nothing stays behind.
  const ringFor = async (answering: Queue, count: number) => {
    const last = gatheredCount;
    let failure: unknown;
    for (let rungCount = 0; rungCount < last; ) {
      ringing ??= ringNext(answering);
      const ring = await ringing;
      rungCount = ring.rungCount;
      if (rungCount > last - count) failure ??= ring.failure;
    }
    if (failure !== undefined) throw failure;
  };

  const because = (message: string) => new Error(message, { cause: backend.lastError() });
  return {
    opened,
    queue: () => queue,
    ring: async (ids) => {
      if (ids.length === 0) return;
      if (queue === undefined) throw because('the queue has not been reached yet');
      if (gathered.length + ids.length > maxGatheredIds) throw new Error('too many ids wait for it already');
      gathered.push(...ids);
      gatheredCount += ids.length;
      if (gathered.length >= batchMaxIds) full.resolve();
      await within(timeoutMs, ringFor(queue, ids.length), () => because(`no answer within ${timeoutMs} ms`));
    },
  };
}

// Never rejects: what is gathered goes with this ring, whatever comes of it.
function refusalOf(crowd: Crowd): Promise<Error | undefined> {
  return crowd.isThere().then(
    (isThere) => (isThere ? new Error(`${waitingMaxJobs} jobs wait in it already`) : undefined),
    (error: Error) => error,
  );
}
