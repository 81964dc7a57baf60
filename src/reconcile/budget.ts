// The client's budget, shared by all processes through the database: whoever wants to call asks for leave there, one call at
// a time, and waits for it. What iLive's headers and refusals tell one process, all of them heed.
import type { Database } from '../db/connect.ts';
import { blockBudget, learnBudget, spendBudget } from '../db/rate-budgets.ts';
import { longestHoldMs, type RateBudget, tiers } from '../ilive/rate-limit.ts';
import type { Log } from '../log.ts';

export interface SharedBudgetOptions {
  readonly db: Database;
  /** Names the budget: the same for every process with the same API key. */
  readonly id: string;
  /** 0 for no limit. */
  readonly perMinute: number;
  readonly perSecond: number;
  readonly log: Log;
  readonly now: () => Date;
  readonly wait: (ms: number, signal?: AbortSignal) => Promise<void>;
}

const burstMaxCalls = 10;
const waitMaxMs = 5_000;
// iLive counts calls when they arrive, we when they leave; a few percent of the pace make up for the difference.
const slack = 1.05;

export function createSharedBudget(options: SharedBudgetOptions): RateBudget {
  const { db, id, log, now, wait } = options;
  let learntPerMinute: number | null = null;
  let waitingCount = 0;

  const block = (ms: number) => {
    // No header, however strange, holds every process back for longer than the longest documented window.
    const until = new Date(now().getTime() + Math.min(ms, longestHoldMs));
    blockBudget(db, id, until).catch((error: unknown) => log.debug({ err: error }, 'a block was not kept'));
  };

  return {
    // One call at a time: leave that is kept for later would be used in a window that it was not counted in.
    take: async (signal) => {
      while (true) {
        signal?.throwIfAborted();
        const pace = paceOf(options, learntPerMinute);
        if (pace === undefined) return;
        const spent = await spendBudget(db, { id, now: now(), ...pace });
        learntPerMinute = spent.learntPerMinute;
        if (spent.isGranted) return;
        // One after the other: all who wait would else ask again for each single call that comes free.
        const aheadMs = waitingCount * pace.intervalMs;
        waitingCount += 1;
        await wait(Math.min(spent.waitMs + aheadMs, waitMaxMs), signal).finally(() => {
          waitingCount -= 1;
        });
      }
    },
    learn: ({ limit, remaining, resetMs }) => {
      if (remaining === 0 && resetMs !== null && resetMs > 0) block(resetMs);
      const isMinuteFigure = Object.values(tiers).some((tier) => tier.perMinute === limit);
      if (limit === null || limit === 0 || limit === learntPerMinute || !isMinuteFigure) return;
      learntPerMinute = limit;
      learnBudget(db, id, limit).catch((error: unknown) =>
        log.debug({ err: error }, 'a learnt limit was not kept'),
      );
    },
    block,
  };
}

// A burst is part of a window's calls, not on top of them: the pace leaves room for it, so that no rolling second and no
// rolling minute ever holds more than its limit.
function paceOf({ perMinute, perSecond }: SharedBudgetOptions, learntPerMinute: number | null) {
  const limits = [perMinute, learntPerMinute ?? 0].filter((limit) => limit > 0);
  if (limits.length === 0 && perSecond === 0) return undefined;
  const minute = limits.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...limits);
  const halfSecond = perSecond === 0 ? burstMaxCalls : Math.floor(perSecond / 2);
  const burstCalls = Math.max(1, Math.min(burstMaxCalls, Math.floor(minute / 10), halfSecond));
  const pacedPerMinute = Math.max(1, minute - burstCalls);
  const secondMs = perSecond > 0 ? 1_000 / Math.max(1, perSecond - burstCalls) : 0;
  return { intervalMs: Math.max(60_000 / pacedPerMinute, secondMs, 0.01) * slack, burstCalls };
}
