// Many deliveries, one commit. While one group is on its way to the disk the next one fills; there is no timer, so a lone
// delivery waits for nothing, and the busier it gets the larger the groups become. `store` resolves after the commit and
// not a moment sooner: its result is our promise to the vendor (guarantee 1).
import type { NewDelivery, RecordedDelivery } from '../db/deliveries.ts';
import { ServiceError } from '../errors.ts';

export interface GroupCommitOptions {
  /** Makes a group durable in one commit; answers in the order given. */
  readonly record: (group: readonly NewDelivery[]) => Promise<RecordedDelivery[]>;
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
  /** Resolves once nothing waits any more. */
  drain(): Promise<void>;
}

interface Waiting {
  readonly delivery: NewDelivery;
  readonly resolve: (recorded: RecordedDelivery) => void;
  readonly reject: (error: unknown) => void;
}

const overloadedRetryAfterMs = 1_000;

export function createGroupCommit(options: GroupCommitOptions): GroupCommit {
  const waiting: Waiting[] = [];
  let committing: Promise<void> | undefined;

  const commitWhileWaiting = async () => {
    while (waiting.length > 0) {
      const group = waiting.splice(0, options.groupMaxDeliveries);
      try {
        await commitGroup(options, group);
      } catch (error) {
        // The database is away. Whoever waits behind this group would only learn the same, later.
        for (const each of [...group, ...waiting.splice(0)]) each.reject(error);
      }
    }
    committing = undefined;
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
        committing ??= commitWhileWaiting();
      }),
    drain: async () => {
      while (committing !== undefined) await committing;
    },
  };
}

async function commitGroup(options: GroupCommitOptions, group: readonly Waiting[]): Promise<void> {
  try {
    await commit(options, group);
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'unavailable') throw error;
    // One delivery that the database will not take must not cost its neighbours their commit. A group of one is tried
    // again as well: a table that is changed under a statement refuses it once and takes it the next time.
    for (const each of group) await commit(options, [each]).catch(each.reject);
  }
}

async function commit(options: GroupCommitOptions, group: readonly Waiting[]): Promise<void> {
  const startedAt = performance.now();
  const recorded = await options.record(group.map((each) => each.delivery));
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
