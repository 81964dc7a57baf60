// The turns of pulling: which sessions that stay silent iLive is asked about, how many at once, and when they are given up. What
// is asked of one, and what comes of it, is in `ask-session.ts`.
import { endUnaskable, releaseUnaskable } from '../db/end-sessions.ts';
import { type DueSession, takeDueSessions } from '../db/ledger.ts';
import type { EndedReason } from '../db/schema.ts';
import { type AskDependencies, askAboutSession, type PullOutcome } from './ask-session.ts';
import { lastChanceMs } from './overdue.ts';

export interface PullDependencies extends AskDependencies {
  /** Sessions asked about at once. */
  readonly concurrency: number;
  /** How long a worker may take over one session before another may ask about it. */
  readonly leaseMs: number;
  /** That for the last look before a session's end; long enough for a call. */
  readonly shortLeaseMs: number;
  /** How often to look for sessions that have become due while others are being asked about. */
  readonly intervalMs: number;
  /** True while pulling is paused: then nothing is asked and nothing is ended. */
  readonly isPaused: () => boolean;
  readonly onPulled: (outcome: PullOutcome) => void;
}

// What nobody can ask about is ended after this time: who is asking just now has come to an end by then.
const endGraceMs = 60_000;

/** A turn of pulling: asks about every session that is due, most urgent first, until none is or `signal` is aborted. */
export function createPull(deps: PullDependencies): (signal: AbortSignal) => Promise<void> {
  const { leaseMs, shortLeaseMs } = deps;
  return async (signal) => {
    const asking = new Set<Promise<void>>();
    const over = new AbortController();
    let tick: Promise<void> | undefined;
    try {
      while (!signal.aborted && !deps.isPaused()) {
        // Where the budget is too small a turn never ends, so these cannot wait for the next one.
        if (tick === undefined) await giveUp(deps);
        const limit = deps.concurrency - asking.size;
        const due =
          limit > 0
            ? await takeDueSessions(deps.db, { now: deps.now(), leaseMs, shortLeaseMs, lastChanceMs, limit })
            : [];
        for (const session of due) {
          const asked: Promise<void> = askAndRelease(deps, session, signal).finally(() =>
            asking.delete(asked),
          );
          asking.add(asked);
        }
        if (asking.size === 0) return;
        tick ??= deps
          .wait(deps.intervalMs, AbortSignal.any([signal, over.signal]))
          .catch(() => {})
          .finally(() => {
            tick = undefined;
          });
        // A place that becomes free is filled at once, and one that is free as soon as there is something for it: one slow
        // answer holds up nobody else.
        await Promise.race([...asking, tick]);
      }
      await Promise.all(asking);
    } finally {
      over.abort();
    }
  };
}

/**
 * Ends the sessions whose time is over that nobody can ask about: those without a token and those whose turn has not come within
 * a day, or all where `canPull` is false. There nobody asks for a second source either. None while the time is not certain. Answers why
 * each was ended.
 */
export async function endUnasked(
  { db, now, isTimeCertain }: Pick<AskDependencies, 'db' | 'now' | 'isTimeCertain'>,
  canPull: boolean,
): Promise<readonly EndedReason[]> {
  if (!isTimeCertain()) return [];
  const expiredBefore = new Date(now().getTime() - endGraceMs);
  const reasons = await endUnaskable(db, { expiredBefore, canPull, now });
  if (!canPull) await releaseUnaskable(db, expiredBefore);
  return reasons;
}

async function giveUp(deps: PullDependencies): Promise<void> {
  const reasons = await endUnasked(deps, true);
  for (const _ of reasons.filter((reason) => reason === 'not_answered')) deps.onPulled('unrecoverable');
}

async function askAndRelease(
  deps: PullDependencies,
  session: DueSession,
  signal: AbortSignal,
): Promise<void> {
  try {
    deps.onPulled(await askAboutSession(deps, session, signal));
  } catch (error) {
    // The database is away for longer: the lease runs out, and the session is asked about again.
    deps.log.warn({ err: error }, 'a pull could not be finished; it will be tried again');
  }
}
