// The client's budget, shared by all processes through the database: calls are granted in small handfuls, so that asking
// for leave costs little and no process sits on much. A handful that is not used soon is given up.
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
const handfulCalls = 5;
const grantLastsMs = 1_000;
const waitMaxMs = 5_000;

export function createSharedBudget(options: SharedBudgetOptions): RateBudget {
  const { db, id, log, now, wait } = options;
  let granted = { calls: 0, until: 0 };
  let learntPerMinute: number | null = null;
  let asking: Promise<void> | undefined;

  const ask = async (signal: AbortSignal | undefined) => {
    const pace = paceOf(options, learntPerMinute);
    if (pace === undefined) {
      granted = { calls: Number.POSITIVE_INFINITY, until: Number.POSITIVE_INFINITY };
      return;
    }
    const spent = await spendBudget(db, { id, now: now(), ...pace, wantedCalls: handfulCalls });
    learntPerMinute = spent.learntPerMinute;
    granted = { calls: spent.grantedCalls, until: now().getTime() + grantLastsMs };
    if (spent.grantedCalls === 0) await wait(Math.min(spent.waitMs, waitMaxMs), signal);
  };

  const block = (ms: number) => {
    granted = { calls: 0, until: 0 };
    const until = new Date(now().getTime() + ms);
    blockBudget(db, id, until).catch((error: unknown) => log.debug({ err: error }, 'a block was not kept'));
  };

  return {
    take: async (signal) => {
      while (true) {
        signal?.throwIfAborted();
        if (granted.calls > 0 && now().getTime() <= granted.until) {
          granted.calls -= 1;
          return;
        }
        asking ??= ask(signal).finally(() => {
          asking = undefined;
        });
        await asking;
      }
    },
    learn: ({ limit, remaining, resetMs }) => {
      if (remaining === 0 && resetMs !== null && resetMs > 0) block(Math.min(resetMs, longestHoldMs));
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

// A burst is part of the minute's calls, not on top of them: the pace leaves room for it, so that no rolling minute ever
// holds more than the limit.
function paceOf({ perMinute, perSecond }: SharedBudgetOptions, learntPerMinute: number | null) {
  const limits = [perMinute, learntPerMinute ?? 0].filter((limit) => limit > 0);
  if (limits.length === 0 && perSecond === 0) return undefined;
  const minute = limits.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...limits);
  const burstCalls = Math.max(
    1,
    Math.min(burstMaxCalls, Math.floor(minute / 10), perSecond || burstMaxCalls),
  );
  const paced = Math.max(1, minute - burstCalls);
  const secondMs = perSecond > 0 ? 1_000 / Math.max(1, perSecond - burstCalls) : 0;
  return { intervalMs: Math.max(60_000 / paced, secondMs, 0.01), burstCalls };
}
