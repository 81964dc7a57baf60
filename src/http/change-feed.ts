// The change feed as this process follows it. While somebody waits for news, one reader goes along the end of the feed and
// keeps the latest changes in memory, so that a change is read once however many follow. Who is further behind reads from the
// database. Each follower has its own cursor; nothing here knows who has seen what.
import { setTimeout as pause } from 'node:timers/promises';
import {
  type Change,
  comparePositions,
  type FeedBounds,
  type FeedPosition,
  type FeedStretch,
} from '../db/changes.ts';
import { ServiceError } from '../errors.ts';
import type { Log } from '../log.ts';

export interface ChangeFeed {
  /** The next changes behind `after`, at most `limit`. Throws `gone` where some of them were dropped. */
  read(after: FeedPosition, limit: number): Promise<readonly Change[]>;
  /** Resolves once something has come behind `after`, the caller has left, or nobody is kept waiting any more. */
  news(after: FeedPosition, signal: AbortSignal): Promise<void>;
  /** Something has changed, or may have. */
  ring(): void;
  /** Lets everybody go; from then on nobody is kept waiting. */
  release(): void;
  readonly isReleased: boolean;
  /** Resolves once nothing is read any more. */
  close(): Promise<void>;
}

export interface ChangeFeedDependencies {
  readonly readChanges: (after: FeedPosition, limit: number) => Promise<FeedStretch>;
  readonly findEnd: () => Promise<FeedPosition>;
  readonly readBounds: () => Promise<FeedBounds>;
  readonly log: Log;
}

const keptChanges = 4_096;
const changesAtOnce = 1_000;
// What a running transaction holds back is looked for again after a little while, then after longer ones.
const heldBackMs = { first: 5, most: 100 };
// The doorbell may be away; then the feed is looked at this often.
const tickMs = 1_000;
const idleMs = 10_000;

export function createChangeFeed(deps: ChangeFeedDependencies): ChangeFeed {
  const end = createFeedEnd();
  let waiting = 0;
  let lastWaitedAt = 0;
  let isReleased = false;
  let hasRung = false;
  let going: Promise<void> | undefined;

  const goAlong = async () => {
    end.place ?? end.begin(await deps.findEnd());
    let heldMs = heldBackMs.first;
    while (waiting > 0) {
      hasRung = false;
      const { changes, isHeldBack } = await deps.readChanges(
        end.place ?? (await deps.findEnd()),
        changesAtOnce,
      );
      end.add(changes);
      if (changes.length === changesAtOnce || hasRung) continue;
      if (!isHeldBack) return;
      await pause(heldMs);
      heldMs = changes.length > 0 ? heldBackMs.first : Math.min(heldMs * 2, heldBackMs.most);
    }
  };
  const ring = () => {
    hasRung = true;
    if (waiting === 0 || isReleased) return;
    going ??= goAlong()
      .catch((error: unknown) => deps.log.debug({ err: error }, 'the change feed could not be read'))
      .finally(() => {
        going = undefined;
      });
  };
  const timer = setInterval(ring, tickMs);
  timer.unref();

  return {
    read: async (after, limit) => {
      const known = end.after(after, limit);
      if (known !== undefined) return known;
      const { changes } = await deps.readChanges(after, limit);
      refuseGone(after, await deps.readBounds());
      return changes;
    },
    news: async (after, signal) => {
      if (isReleased || signal.aborted || end.isBehind(after)) return;
      // Nobody went along meanwhile: all that has come since would be read to get from there to the end.
      const isIdle = waiting === 0 && going === undefined && performance.now() - lastWaitedAt > idleMs;
      if (isIdle) end.forget();
      waiting += 1;
      try {
        const news = end.next(after, signal);
        ring();
        await news;
      } finally {
        waiting -= 1;
        lastWaitedAt = performance.now();
      }
    },
    ring,
    release: () => {
      isReleased = true;
      end.wake();
    },
    get isReleased() {
      return isReleased;
    },
    close: async () => {
      clearInterval(timer);
      await going;
    },
  };
}

// Looked at after reading: what was dropped before the reading is noted by then.
function refuseGone(after: FeedPosition, { droppedThrough, generation, nextXid }: FeedBounds): void {
  if (comparePositions(after, droppedThrough) < 0) {
    throw new ServiceError(
      'gone',
      'Changes behind this cursor were dropped (CHANGES_KEEP_DAYS). Take the cursor of now with after=latest, read anew what you need, then follow from that cursor.',
    );
  }
  const isAhead = comparePositions(after, { generation, xid: nextXid, seq: 0 }) >= 0;
  if (isAhead) {
    throw new ServiceError(
      'gone',
      'This cursor is of another database, or of one that was restored from before it. Take the cursor of now with after=latest, read anew what you need, then follow from that cursor.',
    );
  }
}

interface Follower {
  readonly after: FeedPosition;
  readonly wake: () => void;
}

// The end of the feed: the latest changes, the place behind the last of them, and who waits for the next.
function createFeedEnd() {
  let changes: Change[] = [];
  /** Behind this place everything is in `changes`. */
  let start: FeedPosition | undefined;
  let place: FeedPosition | undefined;
  const followers = new Set<Follower>();
  const wake = (isDue: (follower: Follower) => boolean) => {
    for (const follower of [...followers]) if (isDue(follower)) follower.wake();
  };
  const isBehind = (after: FeedPosition) => place !== undefined && comparePositions(after, place) < 0;
  return {
    get place() {
      return place;
    },
    begin: (at: FeedPosition) => {
      [changes, start, place] = [[], at, at];
      wake(({ after }) => isBehind(after));
    },
    forget: () => {
      [changes, start, place] = [[], undefined, undefined];
    },
    add: (more: readonly Change[]) => {
      const last = more.at(-1);
      if (last === undefined) return;
      changes.push(...more);
      place = last;
      if (changes.length > 2 * keptChanges) {
        const dropped = changes.splice(0, changes.length - keptChanges);
        start = dropped.at(-1);
      }
      wake(({ after }) => isBehind(after));
    },
    isBehind,
    /** Undefined where not all of them are in memory. */
    after: (after: FeedPosition, limit: number): readonly Change[] | undefined => {
      if (start === undefined || comparePositions(after, start) < 0 || !isBehind(after)) return undefined;
      const first = firstBehind(changes, after);
      return changes.slice(first, first + limit);
    },
    next: (after: FeedPosition, signal: AbortSignal) =>
      new Promise<void>((resolve) => {
        const follower = {
          after,
          wake: () => {
            followers.delete(follower);
            signal.removeEventListener('abort', follower.wake);
            resolve();
          },
        };
        followers.add(follower);
        signal.addEventListener('abort', follower.wake);
        if (signal.aborted) follower.wake();
      }),
    wake: () => wake(() => true),
  };
}

// The changes are in order: halve until the first one behind `after` is found.
function firstBehind(changes: readonly Change[], after: FeedPosition): number {
  let [low, high] = [0, changes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const change = changes[middle];
    if (change !== undefined && comparePositions(change, after) > 0) high = middle;
    else low = middle + 1;
  }
  return low;
}
