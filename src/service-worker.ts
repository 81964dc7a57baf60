// The worker's part of the composition root: the handler of the queue, and the tasks that come round.
import { setTimeout as wait } from 'node:timers/promises';
import { leaseMarginMs } from './config.ts';
import type { Database } from './db/connect.ts';
import type { FinishedDelivery } from './db/deliveries.ts';
import { decisions } from './events/decide.ts';
import type { IliveClient } from './ilive/client.ts';
import { catalogueKinds } from './ilive/translate.ts';
import { beginAtZero } from './metrics.ts';
import type { Pauses } from './operations/pauses.ts';
import { type RunDependencies, runReplays } from './operations/run-replays.ts';
import type { Announcer, Lane } from './queue/announce.ts';
import { splitByAge } from './queue/lateness.ts';
import { type PullOutcome, pullOutcomes } from './reconcile/ask-session.ts';
import { createPull, endUnasked } from './reconcile/pull.ts';
import { createSweep } from './reconcile/sweep.ts';
import type { Running } from './running.ts';
import { schedule } from './schedule.ts';
import { ledgerRulesOf } from './service-vendor.ts';
import { createLanes } from './workers/lanes.ts';
import { processDeliveries } from './workers/process-deliveries.ts';
import { type RetentionDependencies, retainBodies } from './workers/retain-bodies.ts';
import { keepUp, type UpkeepDependencies } from './workers/upkeep.ts';

const replayIntervalMs = 1_000;
const upkeepIntervalMs = 60 * 60 * 1000;

export interface WorkParts {
  readonly db: Database;
  /** A lane of its own: a replay waits for no live delivery's connection, and none for its. */
  readonly replayDb: Database;
  readonly pauses: Pauses;
}

/** Starts hearing the queue and the scheduled tasks; answers what ends the tasks, with the pieces at work. */
export function startWork(
  running: Running,
  { db, replayDb, pauses }: WorkParts,
  client: IliveClient | undefined,
  { announce }: Announcer,
  consumeWith: (lane: Lane, handler: (ids: readonly string[]) => Promise<void>) => unknown,
): () => Promise<void> {
  const { config, log, metrics, now } = running;
  const { batchMaxDeliveries, kindAliases, ignoredKinds, lateAfterMs, maxAttempts } = config.work;
  const { sweepIntervalMs, sweepOverdueMs } = config.work;
  const catalogue = catalogueKinds(kindAliases, ignoredKinds);
  const ledger = ledgerRulesOf(running);
  beginAtZero(metrics.processed, 'decision', decisions);
  const onFinished = (finished: readonly FinishedDelivery[], seconds: number) => {
    metrics.batchSeconds.observe(seconds);
    for (const { decision } of finished) metrics.processed.inc({ decision });
  };
  const isPaused = () => pauses.isPaused('processing');
  // What is rung for meanwhile stays owed, and the sweep brings it back once it is resumed.
  const process = async (ids: readonly string[]) => {
    if (isPaused()) return;
    await processDeliveries({ db, catalogue, ledger, maxAttempts, log, now, onFinished }, ids);
  };
  const lanes = createLanes(process);
  consumeWith('live', (ids) => lanes.mixed(splitByAge(ids, now().getTime(), lateAfterMs), announce));
  consumeWith('late', lanes.late);
  const onSwept = (count: number) => metrics.swept.inc(count);
  const sweep = createSweep({
    db,
    announce,
    process: lanes.late,
    overdueMs: sweepOverdueMs,
    batchMaxIds: batchMaxDeliveries,
    isPaused,
    log,
    now,
    onSwept,
  });
  const stopping = new AbortController();
  const pull = createPullTask(running, db, client, announce, () => pauses.isPaused('pulling'));
  const replay = createReplayTask(running, replayDb, { catalogue, ledger, isPaused });
  const tasks = [
    schedule('sweep', sweepIntervalMs, () => sweep(stopping.signal), log),
    schedule('pull', config.ledger.pullIntervalMs, () => pull(stopping.signal), log),
    schedule('replay', replayIntervalMs, () => replay(stopping.signal), log),
    // The start has just done it.
    schedule('upkeep', upkeepIntervalMs, () => keepUp(upkeepOf(running, db)), log, upkeepIntervalMs),
    schedule('retention', upkeepIntervalMs, () => retainBodies(retentionOf(running, db)), log),
  ];
  return async () => {
    stopping.abort();
    await Promise.all(tasks.map((task) => task.stop()));
  };
}

/** What upkeep needs, before any work begins as well as all the while. */
export function upkeepOf(running: Running, db: Database): UpkeepDependencies {
  const { config, log, now, clock } = running;
  const { mayForget } = clock;
  return {
    db,
    refusalsKeepMs: config.refusals.keepMs,
    changesKeepMs: config.follow.keepMs,
    mayForget,
    isStopping: () => running.isStopping,
    log,
    now,
  };
}

function retentionOf(running: Running, db: Database): RetentionDependencies {
  const { config, log, metrics, now, clock } = running;
  const onDropped = (days: number) => metrics.daysDropped.inc(days);
  const { mayForget } = clock;
  const isStopping = () => running.isStopping;
  return { db, keepMs: config.bodiesKeepMs, mayForget, isStopping, log, now, onDropped };
}

function createPullTask(
  running: Running,
  db: Database,
  client: IliveClient | undefined,
  announce: Announcer['announce'],
  isPaused: () => boolean,
): (signal: AbortSignal) => Promise<void> {
  const { config, cipher, log, metrics, now, clock } = running;
  const isTimeCertain = clock.isCertain;
  if (client === undefined) {
    return async () => {
      if (!isPaused()) await endUnasked({ db, now, isTimeCertain }, false);
    };
  }
  beginAtZero(metrics.pulled, 'outcome', pullOutcomes);
  let isKeyMissed = false;
  const onPulled = (outcome: PullOutcome) => {
    metrics.pulled.inc({ outcome });
    if (outcome !== 'token_unopened' || isKeyMissed) return;
    isKeyMissed = true; // told once: it may concern thousands, each four times a minute
    log.error(
      "sessions' tokens do not open with ENCRYPTION_KEYS, so iLive is not asked about these sessions",
    );
  };
  return createPull({
    db,
    client,
    dialect: config.vendor.dialect,
    cipher,
    announce,
    concurrency: config.ledger.pullConcurrency,
    leaseMs: config.ledger.pullLeaseMs,
    // A call and one more, each as slow as iLive may be.
    shortLeaseMs: Math.min(config.ledger.pullLeaseMs, 2 * config.vendor.responseTimeoutMs + leaseMarginMs),
    intervalMs: config.ledger.pullIntervalMs,
    wait: (ms, signal) => wait(ms, undefined, { signal }),
    isPaused,
    isTimeCertain,
    log,
    now,
    onPulled,
  });
}

function createReplayTask(
  { config, log, metrics, now }: Running,
  db: Database,
  rules: Pick<RunDependencies, 'catalogue' | 'ledger' | 'isPaused'>,
): (signal: AbortSignal) => Promise<void> {
  const deps: RunDependencies = {
    ...config.replay,
    ...rules,
    db,
    wait: (ms, signal) => wait(ms, undefined, { signal }),
    log,
    now,
    onReplayed: (count) => metrics.replayed.inc(count),
  };
  return (signal) => runReplays(deps, signal);
}
