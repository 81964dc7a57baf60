// `GET /v1/stream`: the change feed as server-sent events. An event's id is its cursor, so that a browser or a client that
// reconnects with Last-Event-ID goes on where it was. A reader that does not read is cut off; only one page is ever held for it.
import { once } from 'node:events';
import type { Response } from 'express';
import type { FeedPosition } from '../db/changes.ts';
import type { ChangeType } from '../db/schema-changes.ts';
import { ServiceError } from '../errors.ts';
import type { FollowDependencies } from './api.ts';
import { afterText, change, showChange, typesText, writePosition } from './change-shape.ts';
import { beginAt, collect } from './changes.ts';
import { isStillKnown } from './gate.ts';
import { hasLeft } from './has-left.ts';
import { streamOperation } from './operation.ts';

const pageChanges = 200;
const reconnectMs = 1_000;

/** Streams the changes until the caller leaves; each as an event of its type. */
export const streamChanges = streamOperation({
  query: { after: afterText.optional(), types: typesText },
  headers: { 'last-event-id': afterText.optional() },
  event: change,
  errors: ['gone'],
  stream: async ({ follow, keyRing }, { query, headers, req, res }) => {
    const leave = follow.callers.enter('stream');
    try {
      const after = await beginAt(follow, headers['last-event-id'] ?? query.after, async (start) => {
        // What is wrong with the cursor is told before the stream begins.
        await collect(follow, start, { limit: 1, types: query.types });
        return start;
      });
      res.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        // Proxies such as nginx would else gather the events.
        'x-accel-buffering': 'no',
      });
      // Node sends nothing before the end of what has no body, and nothing else would ever end it.
      if (req.method === 'HEAD') return void res.end();
      // The place at once: who is cut off before anything has come goes on from here all the same.
      res.write(`retry: ${reconnectMs}\nid: ${writePosition(after)}\n\n`);
      await pour(follow, res, { after, types: query.types, isWelcome: () => isStillKnown(keyRing, req) });
    } finally {
      leave();
    }
  },
});

interface Pouring {
  readonly after: FeedPosition;
  readonly types: readonly ChangeType[] | undefined;
  /** False once the caller's key has ended. */
  readonly isWelcome: () => boolean;
}

async function pour(
  follow: FollowDependencies,
  res: Response,
  { after, types, isWelcome }: Pouring,
): Promise<void> {
  const signal = hasLeft(res);
  let place = after;
  let saidAt = performance.now();
  const say = async (text: string) => {
    await write(res, text, follow.stallMs, signal);
    saidAt = performance.now();
  };
  try {
    while (!signal.aborted && !follow.feed.isReleased && isWelcome()) {
      const found = await collect(follow, place, { limit: pageChanges, types });
      place = found.place;
      const events = found.rows.map((row) => {
        const told = showChange(row);
        return `id: ${told.cursor}\nevent: ${told.type}\ndata: ${JSON.stringify(told)}\n\n`;
      });
      if (events.length > 0) await say(events.join(''));
      // Also where changes come all the time: none of them may be of its types. The id moves on over those, so that a reconnect
      // does not look through them again.
      const quietMs = performance.now() - saidAt;
      if (quietMs >= follow.heartbeatMs) await say(`:\nid: ${writePosition(place)}\n\n`);
      if (found.hasMore) continue;
      const heartbeat = AbortSignal.timeout(
        Math.max(0, Math.ceil(saidAt + follow.heartbeatMs - performance.now())),
      );
      await follow.feed.news(place, AbortSignal.any([signal, heartbeat]));
    }
  } catch (error) {
    // Nothing can be answered any more: the caller reconnects, and is told then.
    if (!(error instanceof ServiceError)) throw error;
  } finally {
    res.end();
  }
}

async function write(res: Response, text: string, stallMs: number, signal: AbortSignal): Promise<void> {
  if (res.write(text) || signal.aborted) return;
  try {
    await once(res, 'drain', { signal: AbortSignal.any([signal, AbortSignal.timeout(stallMs)]) });
  } catch {
    res.destroy();
  }
}
