// What those need who wait for verdicts and follow changes: one connection that listens, however many wait, and what it wakes.
import { findFeedEnd, readChanges, readFeedBounds } from './db/changes.ts';
import type { Database } from './db/connect.ts';
import { listenTo } from './db/listen.ts';
import { loadWaitedSessions, noteWaiting } from './db/waits.ts';
import type { FollowDependencies } from './http/api.ts';
import { callerKinds, createCallers } from './http/callers.ts';
import { createChangeFeed } from './http/change-feed.ts';
import { createVerdictWaits } from './http/verdict-waits.ts';
import { addCallers } from './metrics.ts';
import { waitedGapMs } from './reconcile/overdue.ts';
import type { Running } from './running.ts';

/** As the triggers announce. */
const channel = 'ilive_changes';

export function startFollowing(
  running: Running,
  { databaseUrl, db }: { readonly databaseUrl: string; readonly db: Database },
): FollowDependencies {
  const { config, log, metrics, now, undo } = running;
  const findEnd = () => findFeedEnd(db);
  const readBounds = () => readFeedBounds(db);
  const waits = createVerdictWaits({
    load: (ids) => loadWaitedSessions(db, ids),
    noteWaiting: (waiting) => noteWaiting(db, waiting, { now: now(), gapMs: waitedGapMs }),
    log,
    now,
  });
  const feed = createChangeFeed({
    readChanges: (after, limit) => readChanges(db, after, limit),
    findEnd,
    readBounds,
    log,
  });
  const listener = listenTo({
    url: databaseUrl,
    channel,
    onNotify: (payload) => {
      feed.ring();
      if (payload !== '') waits.changed(payload.split(','));
    },
    onListening: () => {
      feed.ring();
      waits.changedAll();
    },
    log,
  });
  undo.push({ name: 'change feed', run: () => feed.close() });
  undo.push({ name: 'listening', run: () => listener.close() });
  const callers = createCallers(config.follow.maxCallers);
  addCallers(metrics.registry, callerKinds, callers.count);
  const { waitMaxMs, heartbeatMs, stallMs } = config.follow;
  return { waits, feed, callers, findEnd, readBounds, waitMaxMs, heartbeatMs, stallMs };
}

/** Answers everybody who waits; from then on nobody is kept waiting. */
export function letGo({ waits, feed }: FollowDependencies): void {
  waits.release();
  feed.release();
}
