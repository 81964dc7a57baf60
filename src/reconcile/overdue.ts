// When to ask iLive about a session. Pure: times come in, times go out. The schedule starts a little after a session could
// have ended, widens while it stays silent, and always has a last time before the vendor forgets it and one just after,
// whose answer tells an unfinished session from one that we missed.
import { type Verdict, verdicts } from '../events/event.ts';
import type { ConfirmPolicy, Standing } from '../events/session.ts';

export interface PullPlan {
  /** From the session's start to the first time that we ask. */
  readonly firstAfterMs: number;
}

// Measured against a simulated population (2026-11-23): sessions end within ten minutes, most within one. Asking every
// minute for a quarter of an hour and every three minutes after it finds a missed verdict within 90 seconds and costs an
// abandoned session about two dozen calls.
const earlyGapsMs = [20_000, 30_000, 45_000];
const gapMs = 60_000;
const gapsUntilWide = 18;
const wideGapMs = 180_000;

/** While somebody waits for the verdict; whoever waits has sent the user there, and looks at a spinner. */
export const waitedGapMs = 5_000;
// A user who has not come back after a minute may never do so.
const waitedUntilWide = 12;
/** As which attempt one counts that told nothing about the session: every minute, and every quarter of one for who waits. */
export const attemptInVain = waitedUntilWide;
const waitedWideGapMs = 15_000;

/** The last time before the end. */
export const lastChanceMs = 60_000;
const afterEndMs = 5_000;

/** When to ask for the first time. */
export function firstPullAt(startedAt: Date, expiresAt: Date, plan: PullPlan): Date {
  const first = startedAt.getTime() + plan.firstAfterMs;
  const last = expiresAt.getTime() - lastChanceMs;
  return new Date(last > startedAt.getTime() ? Math.min(first, last) : first);
}

/** When to ask again, after having asked `attempts` times; null once the end has been asked about. */
export function nextPullAt(
  askedAt: Date,
  attempts: number,
  expiresAt: Date,
  isWaitedFor = false,
): Date | null {
  const asked = askedAt.getTime();
  const end = expiresAt.getTime();
  if (asked >= end) return null;
  const next =
    asked + (isWaitedFor ? Math.min(gapAfter(attempts), waitedGapAfter(attempts)) : gapAfter(attempts));
  if (next < end - lastChanceMs) return new Date(next);
  return new Date(asked < end - lastChanceMs ? end - lastChanceMs : end + afterEndMs);
}

function gapAfter(attempts: number): number {
  return earlyGapsMs[attempts - 1] ?? (attempts < gapsUntilWide ? gapMs : wideGapMs);
}

function waitedGapAfter(attempts: number): number {
  return attempts < waitedUntilWide ? waitedGapMs : waitedWideGapMs;
}

/** The verdicts of a webhook's for which a second source is asked. */
export function confirmedBy(policy: ConfirmPolicy): readonly Verdict[] {
  return policy === 'always' ? verdicts : policy === 'pass' ? ['pass'] : [];
}

/** When to ask for a second source, now or never. */
export function confirmAt(policy: ConfirmPolicy, standing: Standing, now: Date): Date | null {
  if (standing.state !== 'settled' || standing.confirmation !== 'unconfirmed') return null;
  if (standing.settledSource !== 'webhook') return null;
  return confirmedBy(policy).includes(standing.verdict) ? now : null;
}
