// Keeps our calls within iLive's limits before it has to refuse one: two windows, a second and a minute, over the times
// at which calls were let go. Callers pass in the order in which they came. It must never let more calls go in any
// window than the limit says; what other processes use of the same key, it learns from the answers' headers.
//
// Documented: the tiers, and that both windows count per key. All calls are paced, since whether v1 counts is unknown.
// ASSUMPTION 13: `X-RateLimit-Limit` is a figure of the key's tier, of either window; other figures teach nothing.
import { setTimeout as delay } from 'node:timers/promises';
import { CancelledError } from './errors.ts';

export interface RateBudget {
  /** Resolves when one call may be made. */
  take(signal?: AbortSignal): Promise<void>;
  /** What the answer's headers said. */
  learn(limits: RateLimits): void;
  /** After a 429: nobody takes for this long. */
  block(ms: number): void;
}

export interface RateLimits {
  /** The figure of the key's tier; 0 means no limit. */
  readonly limit: number | null;
  /** How many calls the running window still allows. */
  readonly remaining: number | null;
  /** In how many milliseconds that window ends. */
  readonly resetMs: number | null;
}

export interface Tier {
  /** Calls; 0 means no limit. */
  readonly perMinute: number;
  readonly perSecond: number;
}

export interface BudgetOptions {
  /** Fixes the figures; without it they begin at the Standard tier and follow what the headers say. */
  readonly tier?: Tier;
  /** Milliseconds on any clock that does not go back. */
  readonly nowMs?: () => number;
  /** Must let `nowMs` advance by what it was asked for. */
  readonly wait?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

export const tiers: Readonly<Record<'standard' | 'high' | 'unlimited', Tier>> = {
  standard: { perMinute: 600, perSecond: 50 },
  high: { perMinute: 6_000, perSecond: 200 },
  unlimited: { perMinute: 0, perSecond: 0 },
};

// iLive counts when calls arrive and we count when they leave; a slow first call must not fall into the window of the
// quick ones behind it.
const arrivalSlackMs = 100;
const secondMs = 1_000 + arrivalSlackMs;
const minuteMs = 60_000 + arrivalSlackMs;

// No header, however strange, holds all calls back for longer than the longest documented window.
export const longestHoldMs = 60_000;

// Two answers whose windows end this close to each other speak of one window.
const sameWindowMs = 1_000;

// While callers wait, what was learned meanwhile counts after this time at the latest.
const longestNapMs = 1_000;

interface Waiter {
  readonly go: () => void;
}

/** Paces the calls of this process. */
export function createRateBudget(options: BudgetOptions = {}): RateBudget {
  const nowMs = options.nowMs ?? (() => performance.now());
  const wait = options.wait ?? ((ms, signal) => delay(ms, undefined, { signal }));
  let tier = options.tier ?? tiers.standard;
  let times: number[] = [];
  let blockedUntil = Number.NEGATIVE_INFINITY;
  let said: { left: number; until: number } | undefined;
  const waiters: Waiter[] = [];
  let isPumping = false;

  const dueAt = (now: number): number => {
    if (said !== undefined && now >= said.until) said = undefined;
    const isSpent = said !== undefined && said.left <= 0;
    return Math.max(blockedUntil, isSpent ? (said?.until ?? now) : now, nextAt(times, tier));
  };

  const grant = (now: number) => {
    // Kept by the window, not by the limit: a tier that is learned later looks back over the same minute.
    if ((times[0] ?? now) + 2 * minuteMs < now) times = times.filter((time) => time + minuteMs > now);
    times.push(now);
    if (said !== undefined) said.left -= 1;
  };

  const pump = async () => {
    isPumping = true;
    try {
      while (waiters.length > 0) {
        const now = nowMs();
        const restMs = dueAt(now) - now;
        if (restMs > 0) {
          await wait(Math.ceil(Math.min(restMs, longestNapMs)));
        } else {
          grant(now);
          waiters.shift()?.go();
        }
      }
    } finally {
      isPumping = false;
    }
  };

  return {
    take(signal) {
      if (signal?.aborted) return Promise.reject(cancelled());
      const now = nowMs();
      if (waiters.length === 0 && dueAt(now) <= now) {
        grant(now);
        return Promise.resolve();
      }
      const turn = waitInLine(waiters, signal);
      if (!isPumping) void pump();
      return turn;
    },
    learn({ limit, remaining, resetMs }) {
      const now = nowMs();
      if (options.tier === undefined) tier = tierOf(limit) ?? tier;
      if (remaining === null || resetMs === null || limit === 0) return;
      const until = now + Math.min(resetMs, longestHoldMs);
      const isSameWindow = said !== undefined && Math.abs(said.until - until) < sameWindowMs;
      said = { left: isSameWindow ? Math.min(said?.left ?? remaining, remaining) : remaining, until };
    },
    block(ms) {
      blockedUntil = Math.max(blockedUntil, nowMs() + Math.min(ms, longestHoldMs));
    },
  };
}

/** The earliest time at which one more call stays within both windows, given the times of the earlier ones. */
export function nextAt(times: readonly number[], { perMinute, perSecond }: Tier): number {
  const freeAt = (limit: number, windowMs: number) => {
    const oldest = limit === 0 ? undefined : times[times.length - limit];
    return oldest === undefined ? Number.NEGATIVE_INFINITY : oldest + windowMs;
  };
  return Math.max(freeAt(perMinute, minuteMs), freeAt(perSecond, secondMs));
}

/** Joins the line at its end; an abort leaves it from wherever it stands. */
function waitInLine(waiters: Waiter[], signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const waiter: Waiter = {
      go: () => {
        signal?.removeEventListener('abort', leave);
        resolve();
      },
    };
    const leave = () => {
      const index = waiters.indexOf(waiter);
      if (index !== -1) waiters.splice(index, 1);
      reject(cancelled());
    };
    signal?.addEventListener('abort', leave, { once: true });
    waiters.push(waiter);
  });
}

function tierOf(limit: number | null): Tier | undefined {
  return Object.values(tiers).find(({ perMinute, perSecond }) => limit === perMinute || limit === perSecond);
}

function cancelled(): CancelledError {
  return new CancelledError('The caller cancelled before the rate limit allowed the call', {
    code: 'cancelled',
  });
}
