// Choosing what is processed again: rehearsed, so that an operator sees which rows would change, or begun for a worker to
// go on with.
import { v7 as uuidV7 } from 'uuid';
import type { Transaction } from '../db/connect.ts';
import { type DeliveryFilter, findDeliveryIds, measureDeliveries } from '../db/find-deliveries.ts';
import { changeReplay, lockReplay, type ReplayRow, recordReplay } from '../db/replays.ts';
import type { DeliveryState } from '../db/schema.ts';
import type { ReplayState } from '../db/schema-operations.ts';
import { ServiceError } from '../errors.ts';
import type { DeliveryId } from '../events/event.ts';
import { addCounts, lockNotAvailable, type ReplayRules, replayBatch } from '../workers/replay-batch.ts';
import { createChangeLog, type RowChange } from '../workers/row-changes.ts';
import { rehearse } from './rehearse.ts';
import { storeFilter } from './replay-filter.ts';

export interface ReplayDependencies extends ReplayRules {
  /** Deliveries in one step. */
  readonly batchDeliveries: number;
  /** More than these ask for a confirmation. */
  readonly confirmAbove: number;
  /** Deliveries that a rehearsal tries. */
  readonly dryRunMax: number;
}

export interface Rehearsal {
  readonly matching: number;
  readonly tried: number;
  readonly outcomes: Readonly<Partial<Record<DeliveryState, number>>>;
  readonly failed: number;
  readonly detail: string | null;
  readonly changes: readonly RowChange[];
}

/** Processes what matches and takes it back; holds its sessions meanwhile, and gives up on one that is held elsewhere. */
export async function rehearseReplay(
  tx: Transaction,
  deps: ReplayDependencies,
  filter: DeliveryFilter,
): Promise<Rehearsal> {
  const { count, newest } = await measureKnown(tx, filter);
  try {
    await tx.query({ text: `set local lock_timeout = '2s'` });
    return await rehearse(tx, async () => {
      const log = createChangeLog();
      let tried = 0;
      let sum = { outcomes: {}, failed: 0, detail: null as string | null };
      for (let after: DeliveryId | null = null; tried < deps.dryRunMax; ) {
        const limit = Math.min(deps.batchDeliveries, deps.dryRunMax - tried);
        const ids = await findDeliveryIds(tx, filter, { after, upTo: newest, limit });
        if (ids.length === 0) break;
        const { outcomes, failed, detail } = await replayBatch(tx, ids, deps, log);
        sum = {
          outcomes: addCounts(sum.outcomes, outcomes),
          failed: sum.failed + failed,
          detail: detail ?? sum.detail,
        };
        tried += ids.length;
        after = ids.at(-1) ?? null;
      }
      return { matching: count, tried, ...sum, changes: log.changes() };
    });
  } catch (error) {
    if ((error as { code?: string }).code !== lockNotAvailable) throw error;
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
  const replay = { id: uuidV7(), filter: storeFilter(filter), createdBy, why, matching: count, upTo: newest };
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
    throw new ServiceError('not_found', `${wanted - measured.count} of these ids are no delivery's.`);
  }
  return measured;
}
