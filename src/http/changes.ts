// `GET /v1/changes?after=&wait=&limit=&types=`: everything that settled, was confirmed, disputed, recorded or ended, once each,
// in an order in which nothing is skipped. A reader keeps `next_cursor` and asks again with it, for as long as changes are kept.
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { type Change, comparePositions, type FeedPosition } from '../db/changes.ts';
import type { ChangeType } from '../db/schema-changes.ts';
import { ServiceError } from '../errors.ts';
import type { FollowDependencies } from './api.ts';
import { afterText, change, readPosition, showChange, typesText, writePosition } from './change-shape.ts';
import { requireStillKnown } from './gate.ts';
import { hasLeft } from './has-left.ts';
import { operation, reply } from './operation.ts';
import { limitText, waitText } from './query.ts';

const limitDefault = 100;
const limitMax = 1_000;
// So many changes are looked through for one answer; a page of a rare type may be short, and the next one goes on.
const lookedThroughMax = 20_000;
const gatherMs = 100;
// Ids of transactions have 64 bits; the other numbers of a cursor are written with too few digits to be too large.
const xidMax = 2n ** 64n - 1n;

const page = z.object({
  data: z.array(change),
  next_cursor: z.string().describe('Ask again with ?after= this.'),
  has_more: z.boolean().describe('Whether there is more now; ask at once.'),
});

/** Answers the next changes; with `wait`, the moment there are any. */
export const showChanges = operation({
  query: {
    after: afterText.optional(),
    wait: waitText,
    limit: limitText({ max: limitMax, standard: limitDefault }),
    types: typesText,
  },
  answers: { 200: page },
  errors: ['gone'],
  answer: async ({ follow, keyRing }, { query, req, res }) => {
    const leave = query.wait === 0 ? () => {} : follow.callers.enter('changes');
    try {
      const choice = { ...query, waitMs: Math.min(query.wait, follow.waitMaxMs) };
      const signal = hasLeft(res);
      const { rows, place, hasMore } = await beginAt(follow, query.after, (start) =>
        collectWaiting(follow, start, choice, signal),
      );
      requireStillKnown(keyRing, req);
      return reply(200, {
        data: rows.map(showChange),
        next_cursor: writePosition(place),
        has_more: hasMore,
      });
    } finally {
      leave();
    }
  },
});

interface Choice {
  readonly limit: number;
  readonly types?: readonly ChangeType[] | undefined;
}

interface Collected {
  readonly rows: readonly Change[];
  /** Up to where was looked. */
  readonly place: FeedPosition;
  readonly hasMore: boolean;
}

// As `collect`, and where there is nothing yet, as soon as there is. On a busy feed it gathers for a moment, so that a follower
// is answered a few times a second with many changes and not hundreds of times with one.
async function collectWaiting(
  follow: FollowDependencies,
  after: FeedPosition,
  { waitMs, limit, types }: Choice & { readonly waitMs: number },
  signal: AbortSignal,
): Promise<Collected> {
  const startedAt = performance.now();
  const timeOver = AbortSignal.timeout(waitMs);
  let found = await collect(follow, after, { limit, types });
  while (found.rows.length === 0 && !found.hasMore) {
    const isOver = performance.now() - startedAt >= waitMs || signal.aborted || follow.feed.isReleased;
    if (isOver) return found;
    await follow.feed.news(found.place, AbortSignal.any([signal, timeOver]));
    found = await collect(follow, found.place, { limit, types });
  }
  const leftMs = Math.min(gatherMs, waitMs) - (performance.now() - startedAt);
  if (leftMs <= 0 || found.hasMore || found.rows.length === limit) return found;
  await pause(leftMs);
  const more = await collect(follow, found.place, { limit: limit - found.rows.length, types });
  return { ...more, rows: [...found.rows, ...more.rows] };
}

/**
 * What `work` gives, from the place on that `after` names. The oldest changes may be dropped while they are read: for who named no
 * place the work begins anew behind them.
 */
export async function beginAt<T>(
  follow: Pick<FollowDependencies, 'findEnd' | 'readBounds'>,
  after: string | undefined,
  work: (start: FeedPosition) => Promise<T>,
): Promise<T> {
  for (let start = await startOf(follow, after); ; ) {
    try {
      return await work(start);
    } catch (error) {
      const isGone = error instanceof ServiceError && error.code === 'gone';
      const next = isGone && after === undefined ? await startOf(follow, after) : start;
      if (comparePositions(next, start) <= 0) throw error;
      start = next;
    }
  }
}

/** The place that `after` names: by default before everything that is kept, for `latest` the end as it is now. */
async function startOf(
  { findEnd, readBounds }: Pick<FollowDependencies, 'findEnd' | 'readBounds'>,
  after: string | undefined,
): Promise<FeedPosition> {
  if (after === 'latest') return findEnd();
  if (after === undefined) return (await readBounds()).droppedThrough;
  const place = readPosition(after);
  if (BigInt(place.xid) > xidMax) {
    throw new ServiceError(
      'invalid_request',
      'The cursor ("after" or "last-event-id") is not one that the feed gave out.',
    );
  }
  return place;
}

/** At most `limit` changes of the types behind `after`, and the place up to which was looked. */
export async function collect(
  { feed }: Pick<FollowDependencies, 'feed'>,
  after: FeedPosition,
  { limit, types }: Choice,
): Promise<Collected> {
  const rows: Change[] = [];
  let place = after;
  let hasMore = true;
  for (let looked = 0; hasMore && rows.length < limit && looked < lookedThroughMax; ) {
    const next = await feed.read(place, limitMax);
    looked += next.length;
    hasMore = next.length === limitMax;
    for (const row of next) {
      if (rows.length === limit) return { rows, place, hasMore: true };
      if (types === undefined || types.includes(row.type)) rows.push(row);
      place = row;
    }
  }
  return { rows, place, hasMore: hasMore && comparePositions(place, after) > 0 };
}
