// The answer to a ring that nobody heard: finds deliveries that have been owed for too long and rings again. Those that
// it rang for the last time and that are owed still, it processes itself, and so it does with all of them while the queue
// does not answer: a store that is away, flushed or stuck can slow us down but never stop us (guarantee 2).
import type { Database } from '../db/connect.ts';
import { findOverdueDeliveries } from '../db/deliveries.ts';
import type { DeliveryId } from '../events/event.ts';
import type { Log } from '../log.ts';

export interface SweepDependencies {
  readonly db: Database;
  /** Rings for ids; false when nobody may have heard it. */
  readonly announce: (ids: readonly string[]) => Promise<boolean>;
  readonly process: (ids: readonly string[]) => Promise<void>;
  /** How long a delivery may be owed before the sweep looks after it. */
  readonly overdueMs: number;
  readonly batchMaxIds: number;
  readonly log: Log;
  readonly now: () => Date;
  readonly onSwept: (count: number) => void;
}

// One turn looks after at most this many, oldest first; the next turn goes on.
const turnMaxDeliveries = 10_000;
const pageDeliveries = 1_000;

/** A sweep that remembers, from one turn to the next, for which deliveries it has rung. */
export function createSweep(deps: SweepDependencies): () => Promise<void> {
  let rungLastTurn = new Set<DeliveryId>();
  return async () => {
    const rungThisTurn = new Set<DeliveryId>();
    const before = new Date(deps.now().getTime() - deps.overdueMs);
    let after: DeliveryId | null = null;
    let count = 0;
    const failures: unknown[] = [];
    try {
      while (count < turnMaxDeliveries) {
        const page: DeliveryId[] = await findOverdueDeliveries(deps.db, {
          before,
          after,
          limit: pageDeliveries,
        });
        after = page.at(-1) ?? null;
        count += page.length;
        deps.onSwept(page.length);
        const unheard = page.filter((id) => rungLastTurn.has(id));
        const fresh = page.filter((id) => !rungLastTurn.has(id));
        const isHeard = await deps.announce(fresh);
        if (isHeard) for (const id of fresh) rungThisTurn.add(id);
        failures.push(...(await processAll(deps, isHeard ? unheard : page)));
        if (page.length < pageDeliveries) break;
      }
      if (failures.length > 0) throw failures[0];
    } finally {
      rungLastTurn = rungThisTurn;
      if (count > 0) deps.log.info({ count }, 'the sweep looked after overdue deliveries');
    }
  };
}

// What cannot be processed now holds up nothing behind it; the next turn comes back to it.
async function processAll(deps: SweepDependencies, ids: readonly DeliveryId[]): Promise<unknown[]> {
  const failures: unknown[] = [];
  for (let start = 0; start < ids.length; start += deps.batchMaxIds) {
    await deps.process(ids.slice(start, start + deps.batchMaxIds)).catch((error) => failures.push(error));
  }
  return failures;
}
