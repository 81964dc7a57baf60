// The answer to a ring that nobody heard: goes through the deliveries that have been owed for too long and rings again. Those
// that it rang for in its last turn and that are owed still, it processes itself, and so it does with all of them while the
// queue does not answer: a store that is away, flushed or stuck can slow us down but never stop us (guarantee 2). Every worker
// has one, and they share the work by chance: each takes its batches in an order of its own.
import { cut, shuffled } from '../batches.ts';
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
  /** True while processing is paused. */
  readonly isPaused: () => boolean;
  readonly log: Log;
  readonly now: () => Date;
  readonly onSwept: (count: number) => void;
}

/** One turn, from the oldest to the newest that is overdue by now. Ends behind the batch at work once `signal` is aborted. */
export type Sweep = (signal: AbortSignal) => Promise<void>;

// Read at once and taken in an order of one's own. Where two sweeps choose the same batch, one waits in vain: the more batches
// there are to choose from, the more rarely.
const windowDeliveries = 20_000;
// A turn ends once it has rung for so many: they are remembered until the next (10 MB), and lie in the queue.
const rungMaxDeliveries = 100_000;

interface Turn {
  readonly rungLastTurn: ReadonlySet<DeliveryId>;
  readonly rung: Set<DeliveryId>;
  readonly failures: unknown[];
  readonly isOver: () => boolean;
}

/** A sweep that remembers, from one turn to the next, for which deliveries it has rung. */
export function createSweep(deps: SweepDependencies): Sweep {
  let rungLastTurn: ReadonlySet<DeliveryId> = new Set();
  return async (signal) => {
    const isOver = () => signal.aborted || deps.isPaused();
    const turn: Turn = { rungLastTurn, rung: new Set(), failures: [], isOver };
    const now = deps.now();
    const before = new Date(now.getTime() - deps.overdueMs);
    let count = 0;
    try {
      for (let after: DeliveryId | null = null; !isOver() && turn.rung.size < rungMaxDeliveries; ) {
        const limit = windowDeliveries;
        const found: DeliveryId[] = await findOverdueDeliveries(deps.db, { before, now, after, limit });
        after = found.at(-1) ?? null;
        count += found.length;
        deps.onSwept(found.length);
        await sweepWindow(deps, turn, found);
        if (found.length < limit) break;
      }
      if (turn.failures.length > 0) throw turn.failures[0];
    } finally {
      rungLastTurn = turn.rung;
      if (count > 0) deps.log.info({ count }, 'the sweep looked after overdue deliveries');
    }
  };
}

async function sweepWindow(deps: SweepDependencies, turn: Turn, found: readonly DeliveryId[]): Promise<void> {
  const { rungLastTurn, rung, failures, isOver } = turn;
  const batches = shuffled(cut(found, deps.batchMaxIds));
  for (const batch of batches) {
    if (isOver()) return;
    const fresh = batch.filter((id) => !rungLastTurn.has(id));
    if (fresh.length === 0) continue;
    // One ring that nobody heard tells for the others, each of which would take its time.
    if (!(await deps.announce(fresh))) break;
    for (const id of fresh) rung.add(id);
  }
  for (const batch of batches) {
    if (isOver()) return;
    const unheard = batch.filter((id) => !rung.has(id));
    // What cannot be processed now holds up nothing behind it; the next turn comes back to it.
    if (unheard.length > 0) await deps.process(unheard).catch((error) => failures.push(error));
  }
}
