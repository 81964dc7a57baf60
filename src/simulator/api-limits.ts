// The pretend API's rate limits: for each key two rolling windows, a second and a minute, of which the first one that is
// full refuses. Documented: the two windows, the tiers' figures, that a limit of 0 is none, and the names of the headers.
// Assumed: that refused calls do not count, and that the headers tell of the minute unless it is the second that is full.

export interface Limits {
  /** Calls; 0 for no limit. */
  readonly perMinute: number;
  readonly perSecond: number;
}

export interface LimitRules extends Limits {
  /** Whether a 429 names the seconds to wait. */
  readonly hasRetryAfter: boolean;
  /** How X-RateLimit-Reset is written: seconds from now, or Unix seconds. */
  readonly resetForm: 'seconds' | 'unix';
}

export const standardLimits: LimitRules = {
  perMinute: 600,
  perSecond: 50,
  hasRetryAfter: false,
  resetForm: 'seconds',
};

export interface Taken {
  readonly isAllowed: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Limiter {
  /** Counts a call at `nowMs`, unless it is one too many. */
  take(nowMs: number): Taken;
  /** What the headers say when nothing is counted. */
  look(nowMs: number): Taken;
}

interface Window {
  readonly limit: number;
  readonly remaining: number;
  /** Milliseconds until the oldest call in it counts no more. */
  readonly resetMs: number;
}

const minuteMs = 60_000;

/** The limiter of one key. */
export function createLimiter(rules: LimitRules): Limiter {
  let times: number[] = [];
  const windowOf = (limit: number, lengthMs: number, nowMs: number): Window => {
    const inside = times.filter((time) => time > nowMs - lengthMs);
    const remaining = limit === 0 ? Number.POSITIVE_INFINITY : Math.max(0, limit - inside.length);
    return { limit, remaining, resetMs: (inside[0] ?? nowMs) + lengthMs - nowMs };
  };
  const windowsAt = (nowMs: number) => {
    const minute = windowOf(rules.perMinute, minuteMs, nowMs);
    const second = windowOf(rules.perSecond, 1_000, nowMs);
    return { minute, second, isFull: minute.remaining === 0 || second.remaining === 0 };
  };
  const describe = (nowMs: number, isAllowed: boolean): Taken => {
    const { minute, second } = windowsAt(nowMs);
    const told = second.remaining === 0 && minute.remaining > 0 ? second : minute;
    return { isAllowed, headers: headersOf(told, nowMs, isAllowed, rules) };
  };
  return {
    take: (nowMs) => {
      times = times.filter((time) => time > nowMs - minuteMs);
      const isAllowed = !windowsAt(nowMs).isFull;
      if (isAllowed) times.push(nowMs);
      return describe(nowMs, isAllowed);
    },
    look: (nowMs) => describe(nowMs, true),
  };
}

function headersOf(
  { limit, remaining, resetMs }: Window,
  nowMs: number,
  isAllowed: boolean,
  { hasRetryAfter, resetForm }: LimitRules,
): Record<string, string> {
  const resetSeconds = Math.ceil((resetForm === 'unix' ? nowMs + resetMs : resetMs) / 1000);
  return {
    'x-ratelimit-limit': String(limit),
    'x-ratelimit-remaining': String(limit === 0 ? 0 : remaining),
    'x-ratelimit-reset': String(resetSeconds),
    ...(hasRetryAfter && !isAllowed ? { 'retry-after': String(Math.max(1, Math.ceil(resetMs / 1000))) } : {}),
  };
}
