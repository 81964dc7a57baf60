// What the headers of an answer say about its rate limits: numbers and waits, with no clock but the one passed in and the answer's.
// A header that cannot be read says nothing, and never fails a call.
//
// ASSUMPTION 12: `X-RateLimit-Reset` is Unix seconds where it is greater than 10^9 (milliseconds from 10^12 on), and
// otherwise seconds from now; the seed names the header without saying which.

import type { RateLimits } from './rate-limit.ts';

const unixSecondsFrom = 1e9;
const unixMillisecondsFrom = 1e12;

/** Reads the three X-RateLimit headers. */
export function readRateLimits(headers: Headers, now: Date): RateLimits {
  const reset = readNumber(headers.get('x-ratelimit-reset'));
  return {
    limit: readNumber(headers.get('x-ratelimit-limit')),
    remaining: readNumber(headers.get('x-ratelimit-remaining')),
    resetMs: reset === null ? null : Math.max(0, readReset(reset, now)),
  };
}

/** Milliseconds that `Retry-After` asks for, given as seconds or as a date; null where it asks for nothing. */
export function readRetryAfter(headers: Headers, now: Date): number | null {
  const text = headers.get('retry-after')?.trim() ?? '';
  const seconds = readNumber(text);
  if (seconds !== null) return seconds > 0 ? Math.ceil(seconds * 1000) : null;
  // Only the form of a date: Date.parse makes a time of "-5" and of much else.
  const time = /^[A-Za-z]{3,9},? /.test(text) ? Date.parse(text) : Number.NaN;
  // By the clock of who answers: ours may be off.
  const theirs = Date.parse(headers.get('date') ?? '');
  const waitMs = time - (Number.isNaN(theirs) ? now.getTime() : theirs);
  return waitMs > 0 ? waitMs : null;
}

function readReset(reset: number, now: Date): number {
  if (reset >= unixMillisecondsFrom) return reset - now.getTime();
  return reset > unixSecondsFrom ? reset * 1000 - now.getTime() : reset * 1000;
}

function readNumber(text: string | null): number | null {
  return text !== null && /^\d{1,15}(\.\d{1,9})?$/.test(text.trim()) ? Number(text) : null;
}
