// Going on with replays, in the workers: batch by batch, on connections of their own, no faster than the limit says, and
// resting after each batch for as long as it took, so that live deliveries go first. A batch moves the replay's cursor in
// its own transaction: a process that dies leaves a replay that the next one goes on with.
import type { Database, Transaction } from '../db/connect.ts';
import { type DeliveryFilter, findDeliveryIds } from '../db/find-deliveries.ts';
import {
  changeReplay,
  findReplay,
  type HeldReplay,
  lockReplay,
  moveReplay,
  type ReplayRow,
  releaseReplay,
  takeReplay,
  waitForNoDisk,
} from '../db/replays.ts';
import { detailOf } from '../db/trouble.ts';
import { instantOf } from '../events/instant.ts';
import type { Log } from '../log.ts';
import {
  addCounts,
  cutForReplay,
  holdForReplay,
  type ReplayRules,
  replayBatch,
} from '../workers/replay-batch.ts';
import { countChanges, createChangeLog } from '../workers/row-changes.ts';

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

// How long after the last batch of a worker that died another goes on with its replay.
const leaseMs = 10_000;
// A rest that outlasts the lease would lose the replay to another worker, and so its pace.
const restMaxMs = leaseMs / 2;
// Until a replay that met with trouble is taken up again; others go on meanwhile.
const troubleMs = 5_000;

/** Goes on with every replay that is running, until none is left or `signal` is aborted. */
export async function runReplays(deps: RunDependencies, signal: AbortSignal): Promise<void> {
  const { db, now, log } = deps;
  while (!signal.aborted && !deps.isPaused()) {
    const taken = await takeReplay(db, { now: now(), leaseMs });
    if (taken === undefined) return;
    let held = taken;
    const onHeld = (next: HeldReplay) => {
      held = next;
    };
    try {
      await runReplay(deps, held, onHeld, signal);
      await releaseReplay(db, held);
    } catch (error) {
      const detail = detailOf(error);
      log.warn({ detail, replay: held.id }, 'a replay could not go on; it will be tried again');
      const until = new Date(now().getTime() + troubleMs);
      await releaseReplay(db, held, { detail, until });
    }
  }
}

async function runReplay(
  deps: RunDependencies,
  taken: HeldReplay,
  onHeld: (held: HeldReplay) => void,
  signal: AbortSignal,
): Promise<void> {
  let held = taken;
  while (!signal.aborted && !deps.isPaused()) {
    const startedAt = performance.now();
    const next = await deps.db.transaction((tx) => replayNext(tx, deps, held));
    if (next === undefined) return;
    held = next.held;
    onHeld(held);
    deps.onReplayed(next.count);
    const tookMs = performance.now() - startedAt;
    const paceMs = (next.count / deps.maxPerSecond) * 1000;
    await deps.wait(Math.min(Math.max(tookMs, paceMs - tookMs), restMaxMs), signal).catch(() => {});
  }
}

interface Next {
  readonly held: HeldReplay;
  readonly count: number;
}

// One batch. Undefined where the replay is over, or paused, or another worker's by now.
async function replayNext(
  tx: Transaction,
  deps: RunDependencies,
  { id, leaseUntil }: HeldReplay,
): Promise<Next | undefined> {
  const isOurs = (row: ReplayRow | undefined): row is ReplayRow =>
    row?.state === 'running' && row.leaseUntil === leaseUntil;
  const seen = await findReplay(tx, id);
  if (!isOurs(seen)) return undefined;
  const { after, upTo } = seen;
  const filter = seen.filter as DeliveryFilter;
  // A low limit is kept by smaller batches, not by long rests.
  const limit = Math.min(deps.batchDeliveries, deps.maxPerSecond);
  const found = await findDeliveryIds(tx, filter, { after, upTo, limit });
  const [ids = []] = await cutForReplay(tx, found, limit);
  await holdForReplay(tx, [ids], deps);
  // Behind what may have to be waited for, and looked at again: the cursor has not moved where the lease is still ours.
  const row = await lockReplay(tx, id);
  if (!isOurs(row)) return undefined;
  if (ids.length === 0) {
    await changeReplay(tx, id, 'done', deps.now());
    deps.log.info({ replay: id, replayed: row.replayed, failed: row.failed }, 'a replay is done');
    return undefined;
  }
  const log = createChangeLog();
  const { outcomes, failed, detail } = await replayBatch(tx, ids, deps, log);
  const changes = log.changes();
  // A batch that changes nothing, and that a crash repeats, is harmless. Changes are seen at once by who follows the feed: were they
  // taken back, what comes next would have their places, and never be seen.
  if (changes.length === 0) await waitForNoDisk(tx);
  const held = { id, leaseUntil: instantOf(new Date(deps.now().getTime() + leaseMs)) };
  await moveReplay(tx, id, {
    after: ids.at(-1) ?? null,
    replayed: row.replayed + ids.length - failed,
    failed: row.failed + failed,
    changes: addChanges(row.changes, countChanges(changes)),
    outcomes: addCounts(row.outcomes, outcomes),
    detail: detail ?? row.detail,
    leaseUntil: held.leaseUntil,
  });
  return { held, count: ids.length };
}

type Changes = ReturnType<typeof countChanges>;

function addChanges(stored: ReplayRow['changes'], more: Changes): Changes {
  const sum: Changes = { ...stored };
  for (const [table, { created, updated }] of Object.entries(more)) {
    const before = sum[table] ?? { created: 0, updated: 0 };
    sum[table] = { created: before.created + created, updated: before.updated + updated };
  }
  return sum;
}
