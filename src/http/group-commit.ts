// Many deliveries, one commit. While groups are on their way to the disk the next one fills; there is no timer, so a lone
// delivery waits for nothing, and the busier it gets the larger the groups become. `store` resolves once the bytes are
// durable, in the database or, while that cannot commit, in the outage store, and not a moment sooner: its result is our
// promise to the vendor (guarantee 1).
import type { NewDelivery, RecordedDelivery } from '../db/deliveries.ts';
import { isUnavailable, ServiceError } from '../errors.ts';

/** Where groups go while the database cannot commit. Both answer how many were kept, from the first on; neither throws. */
export interface OutageLine {
  /** Undefined while the database can commit. */
  keepInOutage(group: readonly NewDelivery[]): Promise<number | undefined>;
  keepFailed(group: readonly NewDelivery[], cause: unknown): Promise<number>;
}

export interface GroupCommitOptions {
  /** Makes a group durable in one commit; answers in the order given. Throws `unavailable` when it may not be. */
  readonly record: (group: readonly NewDelivery[]) => Promise<RecordedDelivery[]>;
  /** Undefined where there is none. */
  readonly outage: OutageLine | undefined;
  /** Told the ids of every group that holds something new, after its commit. Must not throw. */
  readonly announce: (ids: readonly string[]) => void;
  readonly groupMaxDeliveries: number;
  /** Deliveries that may wait for a group; past it `store` throws `overloaded` at once. */
  readonly queueMaxDeliveries: number;
  readonly onCommit: (count: number, seconds: number) => void;
}

export interface GroupCommit {
  /** Resolves once the delivery is durable; throws `unavailable` or `overloaded` when it is not. */
  store(delivery: NewDelivery): Promise<RecordedDelivery>;
  isFull(): boolean;
  /** How long one that comes now would wait, as the last commits went. */
  expectedWaitMs(): number;
  /** Resolves once nothing waits any more. */
  drain(): Promise<void>;
}

interface Waiting {
  readonly delivery: NewDelivery;
  readonly resolve: (recorded: RecordedDelivery) => void;
  readonly reject: (error: unknown) => void;
}

/** Those of a group that are not durable, since the database cannot commit. */
interface Left {
  readonly left: readonly Waiting[];
  readonly cause: unknown;
}

const overloadedRetryAfterMs = 1_000;
const unavailableRetryAfterMs = 2_000;
// A group is ended past this, so that neither one statement nor one write grows with the size of bodies.
const groupMaxBytes = 16 * 1024 * 1024;
// A second group sets out beside the first once it is worth a statement of its own: else we wait for the disk and the disk
// for us. More of them would only be smaller, and each costs.
const commitsAtOnce = 2;
const secondGroupMinDeliveries = 16;
/** The weight of the newest turn in what a turn is expected to take. */
const newestShare = 0.2;

export function createGroupCommit(options: GroupCommitOptions): GroupCommit {
  const waiting: Waiting[] = [];
  const pace = createPace();
  const underWay = new Set<Promise<void>>();

  const commitGroup = async (group: readonly Waiting[]) => {
    const turn = pace.begin();
    try {
      const failed = await makeDurable(options, group, () => pace.forget(turn));
      if (failed === undefined) return pace.end(turn);
      // Whoever waits behind this group would only learn the same, later.
      for (const each of [...failed.left, ...waiting.splice(0)]) each.reject(failed.cause);
      pace.forget(turn);
    } catch (error) {
      for (const each of group) each.reject(error); // nothing for those that were answered before
      pace.forget(turn);
    }
  };
  const setOut = () => {
    while (
      underWay.size < commitsAtOnce &&
      waiting.length >= (underWay.size === 0 ? 1 : secondGroupMinDeliveries)
    ) {
      const commit: Promise<void> = commitGroup(takeGroup(waiting, options.groupMaxDeliveries)).then(() => {
        underWay.delete(commit);
        setOut();
      });
      underWay.add(commit);
    }
  };

  return {
    store: (delivery) =>
      new Promise((resolve, reject) => {
        if (waiting.length >= options.queueMaxDeliveries) {
          const message = `${options.queueMaxDeliveries} deliveries wait for the database already`;
          reject(new ServiceError('overloaded', message, { retryAfterMs: overloadedRetryAfterMs }));
          return;
        }
        waiting.push({ delivery, resolve, reject });
        setOut();
      }),
    isFull: () => waiting.length >= options.queueMaxDeliveries,
    expectedWaitMs: () => pace.expectedMs(Math.floor(waiting.length / options.groupMaxDeliveries)),
    drain: async () => {
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}

function takeGroup(waiting: Waiting[], maxDeliveries: number): Waiting[] {
  let bytes = 0;
  let count = 0;
  while (count < Math.min(maxDeliveries, waiting.length) && bytes < groupMaxBytes) {
    bytes += waiting[count]?.delivery.body.length ?? 0;
    count += 1;
  }
  return waiting.splice(0, count);
}

// In the database or in the outage store. Answers those for whom there is neither.
async function makeDurable(
  options: GroupCommitOptions,
  group: readonly Waiting[],
  onFailed: () => void,
): Promise<Left | undefined> {
  const { outage } = options;
  const kept = outage === undefined ? undefined : await outage.keepInOutage(deliveriesOf(group));
  if (kept !== undefined) return answerKept(group, kept);
  const failed = await commitEach(options, group);
  if (failed === undefined || outage === undefined) return failed;
  onFailed();
  // A commit of which nobody knows whether it went through is kept too: recording it again changes nothing.
  return answerKept(failed.left, await outage.keepFailed(deliveriesOf(failed.left), failed.cause));
}

function answerKept(group: readonly Waiting[], kept: number): undefined {
  for (const each of group.slice(0, kept)) each.resolve({ id: each.delivery.id, isRepeat: false });
  for (const each of group.slice(kept)) {
    const message = 'Postgres cannot commit, and the outage store takes no more';
    each.reject(new ServiceError('unavailable', message, { retryAfterMs: unavailableRetryAfterMs }));
  }
}

async function commitEach(options: GroupCommitOptions, group: readonly Waiting[]): Promise<Left | undefined> {
  try {
    await commit(options, group);
    return undefined;
  } catch (cause) {
    if (isUnavailable(cause)) return { left: group, cause };
  }
  // One delivery that the database will not take must not cost its neighbours their commit. A group of one is tried
  // again as well: a table that is changed under a statement refuses it once and takes it the next time.
  for (const [index, each] of group.entries()) {
    try {
      await commit(options, [each]);
    } catch (cause) {
      if (isUnavailable(cause)) return { left: group.slice(index), cause };
      each.reject(cause);
    }
  }
  return undefined;
}

async function commit(options: GroupCommitOptions, group: readonly Waiting[]): Promise<void> {
  const startedAt = performance.now();
  const recorded = await options.record(deliveriesOf(group));
  options.onCommit(group.length, (performance.now() - startedAt) / 1000);
  for (const [index, each] of group.entries()) {
    const result = recorded[index];
    if (result === undefined)
      each.reject(new Error('the database answered for fewer deliveries than it was given'));
    else each.resolve(result);
  }
  const fresh = recorded.filter((result) => !result.isRepeat).map((result) => result.id);
  if (fresh.length > 0) options.announce(fresh);
}

function deliveriesOf(group: readonly Waiting[]): NewDelivery[] {
  return group.map((each) => each.delivery);
}

interface Turn {
  readonly startedAt: number;
}

// How long a turn takes, as the last ones went. One that is under way for longer than that counts as it is.
function createPace() {
  let turnMs = 0;
  const underWay = new Set<Turn>();
  return {
    begin: (): Turn => {
      const turn = { startedAt: performance.now() };
      underWay.add(turn);
      return turn;
    },
    end: (turn: Turn) => {
      if (!underWay.delete(turn)) return;
      const ms = performance.now() - turn.startedAt;
      turnMs = turnMs === 0 ? ms : turnMs + newestShare * (ms - turnMs);
    },
    /** How long it took says nothing about the turns to come. */
    forget: (turn: Turn) => {
      underWay.delete(turn);
      turnMs = 0;
    },
    expectedMs: (groupsAhead: number) => {
      const [oldest] = underWay;
      const current = oldest === undefined ? 0 : Math.max(turnMs, performance.now() - oldest.startedAt);
      return current + groupsAhead * turnMs;
    },
  };
}
