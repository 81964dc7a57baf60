// Choosing what is processed again: rehearsed, so that an operator sees which rows would change, or begun for a worker to
// go on with.
import { v7 as uuidV7 } from 'uuid';
import type { Transaction } from '../db/connect.ts';
import { type DeliveryFilter, findDeliveryIds, measureDeliveries } from '../db/find-deliveries.ts';
import { limitLockWaits } from '../db/replay-deliveries.ts';
import { changeReplay, lockReplay, type ReplayRow, recordReplay } from '../db/replays.ts';
import { rehearse } from '../db/savepoint.ts';
import type { ReplayState } from '../db/schema-operations.ts';
import { isLockTimeout } from '../db/trouble.ts';
import { ServiceError } from '../errors.ts';
import {
  addCounts,
  cutForReplay,
  holdForReplay,
  type Replayed,
  type ReplayRules,
  replayBatch,
} from '../workers/replay-batch.ts';
import { createChangeLog, type RowChange } from '../workers/row-changes.ts';

export interface ReplayDependencies extends ReplayRules {
  /** Deliveries in one step. */
  readonly batchDeliveries: number;
  /** More than these ask for a confirmation. */
  readonly confirmAbove: number;
  /** Deliveries that a rehearsal tries. */
  readonly dryRunMax: number;
}

export interface Rehearsal extends Replayed {
  readonly matching: number;
  readonly tried: number;
  readonly changes: readonly RowChange[];
}

// Longer than live processing holds anything; whoever looks at a dry run can wait as long.
const lockWaitMs = 2_000;

/** Processes what matches and takes it back; holds its sessions meanwhile. Throws `conflict` where one stays held elsewhere. */
export async function rehearseReplay(
  tx: Transaction,
  deps: ReplayDependencies,
  filter: DeliveryFilter,
): Promise<Rehearsal> {
  const { count, newest } = await measureKnown(tx, filter);
  try {
    return await rehearse(tx, async () => {
      await limitLockWaits(tx, lockWaitMs);
      const chosen = await findDeliveryIds(tx, filter, { after: null, upTo: newest, limit: deps.dryRunMax });
      const batches = await cutForReplay(tx, chosen, deps.batchDeliveries);
      await holdForReplay(tx, batches, deps);
      const log = createChangeLog();
      let sum: Replayed = { outcomes: {}, failed: 0, detail: null };
      for (const ids of batches) {
        const { outcomes, failed, detail } = await replayBatch(tx, ids, deps, log);
        sum = {
          outcomes: addCounts(sum.outcomes, outcomes),
          failed: sum.failed + failed,
          detail: detail ?? sum.detail,
        };
      }
      return { matching: count, tried: chosen.length, ...sum, changes: log.changes() };
    });
  } catch (error) {
    if (!isLockTimeout(error)) throw error;
    const message = 'Some of these deliveries or sessions are being worked on at this moment; try again.';
    throw new ServiceError('conflict', message, { cause: error });
  }
}

/** Begins a replay of what matches now. `confirmed`: how many the operator has agreed to. */
export async function startReplay(
  tx: Transaction,
  deps: ReplayDependencies,
  {
    filter,
    confirmed,
    createdBy,
    why,
  }: {
    readonly filter: DeliveryFilter;
    readonly confirmed: number | undefined;
    readonly createdBy: string;
    readonly why: string;
  },
): Promise<ReplayRow> {
  const { count, newest } = await measureKnown(tx, filter);
  if (count > deps.confirmAbove && (confirmed ?? 0) < count) {
    const message =
      `${count} deliveries match, more than REPLAY_CONFIRM_ABOVE (${deps.confirmAbove}): ` +
      `confirm with "confirm": ${count} or more.`;
    throw new ServiceError('conflict', message);
  }
  const replay = { id: uuidV7(), filter, createdBy, why, matching: count, upTo: newest };
  return recordReplay(tx, replay, deps.now());
}

const allowed: Readonly<Record<'paused' | 'running' | 'cancelled', readonly ReplayState[]>> = {
  paused: ['running', 'paused'],
  running: ['paused', 'running'],
  cancelled: ['running', 'paused', 'cancelled'],
};

/** Pauses, resumes or cancels a replay. Throws `conflict` for one that is over. */
export async function steerReplay(
  tx: Transaction,
  { now }: Pick<ReplayDependencies, 'now'>,
  { id, to }: { readonly id: string; readonly to: 'paused' | 'running' | 'cancelled' },
): Promise<ReplayRow> {
  const row = await lockReplay(tx, id);
  if (row === undefined) throw new ServiceError('not_found', 'No replay has this id.');
  if (!allowed[to].includes(row.state)) {
    throw new ServiceError('conflict', `This replay is ${row.state}; it cannot be ${to} any more.`);
  }
  return row.state === to ? row : changeReplay(tx, id, to, now());
}

async function measureKnown(tx: Transaction, filter: DeliveryFilter) {
  const measured = await measureDeliveries(tx, filter);
  const wanted = new Set(filter.ids ?? []).size;
  if (filter.ids !== undefined && measured.count < wanted) {
    const unknown = wanted - measured.count;
    const what =
      wanted === 1 ? 'No delivery has this id.' : `${unknown} of these ${wanted} ids are no delivery's.`;
    throw new ServiceError('not_found', what);
  }
  return measured;
}
