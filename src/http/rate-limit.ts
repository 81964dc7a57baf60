// How often one may ask: a limit for each API key, told in the `RateLimit` headers of the IETF's draft, and a low one for
// each address that sends keys which nobody has. Counted in this process alone and in bounded memory. A limit must never
// fall on a key that is known because of what others do, whatever address they share.
import type { Request, RequestHandler } from 'express';
import { ipKeyGenerator, rateLimit, type Store } from 'express-rate-limit';
import { ServiceError } from '../errors.ts';
import { identityOf } from './gate.ts';

export const limitNames = ['key', 'unknown_key'] as const;
export type LimitName = (typeof limitNames)[number];

const windowMs = 60_000;
// Keys or addresses that are counted at once; past it the one counted longest begins anew. About 2 MB.
const countedMax = 20_000;
const ipv6PrefixBits = 56;

/** For requests that came through the gate: each costs one, whatever it does. */
export function createKeyLimit(perMinute: number, onLimited: (name: LimitName) => void): RequestHandler {
  return createLimit({
    perMinute,
    isTold: true,
    keyOf: (req) => identityOf(req).id,
    refuse: () => onLimited('key'),
    detail: `This API key has made its ${perMinute} requests of this minute.`,
  });
}

/** For requests whose key is unknown, counted by their address; of IPv6, by its /56. */
export function createUnknownKeyLimit(
  perMinute: number,
  onLimited: (name: LimitName) => void,
): RequestHandler {
  return createLimit({
    perMinute,
    isTold: false,
    keyOf: (req) => ipKeyGenerator(req.socket.remoteAddress ?? 'unknown', ipv6PrefixBits),
    refuse: () => onLimited('unknown_key'),
    detail: 'Too many requests with an unknown API key came from this address.',
  });
}

interface Limit {
  readonly perMinute: number;
  /** Whether its state is in the headers of every answer. */
  readonly isTold: boolean;
  readonly keyOf: (req: Request) => string;
  readonly refuse: () => void;
  readonly detail: string;
}

function createLimit({ perMinute, isTold, keyOf, refuse, detail }: Limit): RequestHandler {
  if (perMinute === 0) return (_req, _res, next) => next();
  return rateLimit({
    windowMs,
    limit: perMinute,
    // The form of the drafts from 08 on.
    standardHeaders: isTold ? 'draft-8' : false,
    legacyHeaders: false,
    identifier: 'per-key',
    keyGenerator: keyOf,
    store: createBoundedStore(),
    // Its checks of the set-up write to the console; what they look for (proxies, shared stores) is not used here.
    validate: false,
    handler: (req) => {
      refuse();
      const { resetTime } = (req as Request & { rateLimit?: { resetTime?: Date } }).rateLimit ?? {};
      const retryAfterMs = Math.max(1_000, (resetTime?.getTime() ?? 0) - Date.now());
      throw new ServiceError('rate_limited', detail, { retryAfterMs });
    },
  });
}

// Windows are all of one length, so the order in which they began is the order in which they end. They are measured on a clock
// that nobody sets: one that is set back would keep callers out until it has caught up. The time of day is for the headers.
function createBoundedStore(): Store {
  const windows = new Map<string, { totalHits: number; readonly endsAtMs: number }>();
  const makeRoom = (nowMs: number) => {
    for (const [key, { endsAtMs }] of windows) {
      if (endsAtMs > nowMs && windows.size < countedMax) return;
      windows.delete(key);
    }
  };
  return {
    localKeys: true,
    increment: (key) => {
      const nowMs = performance.now();
      let current = windows.get(key);
      if (current === undefined || current.endsAtMs <= nowMs) {
        windows.delete(key);
        makeRoom(nowMs);
        current = { totalHits: 0, endsAtMs: nowMs + windowMs };
        windows.set(key, current);
      }
      current.totalHits += 1;
      const { totalHits, endsAtMs } = current;
      return { totalHits, resetTime: new Date(Date.now() + endsAtMs - nowMs) };
    },
    decrement: (key) => {
      const current = windows.get(key);
      if (current !== undefined) current.totalHits -= 1;
    },
    resetKey: (key) => void windows.delete(key),
  };
}
