// Going on with replays, in the workers: batch by batch, on connections of their own, no faster than the limit says, and
// resting after each batch for as long as it took, so that live deliveries go first. A batch moves the replay's cursor in
// its own transaction: a process that dies leaves a replay that the next one goes on with.
import type { Database } from '../db/connect.ts';
import { findDeliveryIds } from '../db/find-deliveries.ts';
import {
  changeReplay,
  lockReplay,
  moveReplay,
  type ReplayRow,
  releaseReplay,
  takeReplay,
} from '../db/replays.ts';
import type { Log } from '../log.ts';
import { addCounts, type ReplayRules, replayBatch } from '../workers/replay-batch.ts';
import { countChanges, createChangeLog } from '../workers/row-changes.ts';
import { readFilter, type StoredFilter } from './replay-filter.ts';

export interface RunDependencies extends ReplayRules {
  readonly db: Database;
  readonly batchDeliveries: number;
  readonly maxPerSecond: number;
  /** True while processing is paused. */
  readonly isPaused: () => boolean;
  /** Waits, and rejects once the service stops. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly log: Log;
  readonly onReplayed: (count: number) => void;
}

// The longest that a batch may take before another worker goes on with the replay; also how long one rests after a crash.
const leaseMs = 30_000;

/** Goes on with every replay that is running, until none is left or `signal` is aborted. */
export async function runReplays(deps: RunDependencies, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !deps.isPaused()) {
    const id = await takeReplay(deps.db, { now: deps.now(), leaseMs });
    if (id === undefined) return;
    try {
      await runReplay(deps, id, signal);
    } finally {
      await releaseReplay(deps.db, id);
    }
  }
}

async function runReplay(deps: RunDependencies, id: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !deps.isPaused()) {
    const startedAt = performance.now();
    const count = await deps.db.transaction(async (tx) => {
      // A replay that a crash repeats is harmless, so its commits need not wait for the disk.
      await tx.query({ text: 'set local synchronous_commit = off' });
      const row = await lockReplay(tx, id);
      if (row?.state !== 'running') return undefined;
      const filter = readFilter(row.filter as StoredFilter);
      const { after, upTo } = row;
      const ids = await findDeliveryIds(tx, filter, { after, upTo, limit: deps.batchDeliveries });
      if (ids.length === 0) {
        await changeReplay(tx, id, 'done', deps.now());
        deps.log.info({ replay: id, replayed: row.replayed, failed: row.failed }, 'a replay is done');
        return undefined;
      }
      const log = createChangeLog();
      const { outcomes, failed, detail } = await replayBatch(tx, ids, deps, log);
      await moveReplay(tx, id, {
        after: ids.at(-1) ?? null,
        replayed: row.replayed + ids.length - failed,
        failed: row.failed + failed,
        changes: addChanges(row.changes, countChanges(log.changes())),
        outcomes: addCounts(row.outcomes as Record<string, number>, outcomes),
        detail: detail ?? row.detail,
        leaseUntil: new Date(deps.now().getTime() + leaseMs),
      });
      return ids.length;
    });
    if (count === undefined) return;
    deps.onReplayed(count);
    const tookMs = performance.now() - startedAt;
    const paceMs = (count / deps.maxPerSecond) * 1000;
    await deps.wait(Math.max(tookMs, paceMs - tookMs), signal).catch(() => {});
  }
}

type Changes = ReturnType<typeof countChanges>;

function addChanges(stored: ReplayRow['changes'], more: Changes): Changes {
  const sum: Changes = { ...(stored as Changes) };
  for (const [table, { created, updated }] of Object.entries(more)) {
    const before = sum[table] ?? { created: 0, updated: 0 };
    sum[table] = { created: before.created + created, updated: before.updated + updated };
  }
  return sum;
}
