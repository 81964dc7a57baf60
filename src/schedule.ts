// Work that comes round: the sweep, the upkeep. A timer in the process and not a job scheduler in the store, because what
// repairs a flushed or absent store must not live in it. Every process runs its own; each task is harmless when several
// do it at once.
import type { Log } from './log.ts';
import { createSeldom } from './seldom.ts';

export interface Schedule {
  /** Takes no new turn and waits for the one at work. */
  stop(): Promise<void>;
}

// A store that is away fails every task each second, for hours.
const failureLogIntervalMs = 60_000;

/**
 * Runs `task` every `everyMs`, the first time after `firstInMs`, never two at a time. What it throws is logged, once a minute
 * at most.
 */
export function schedule(
  name: string,
  everyMs: number,
  task: () => Promise<void>,
  log: Log,
  firstInMs = 0,
): Schedule {
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let turn: Promise<void> = Promise.resolve();

  const countFailures = createSeldom(failureLogIntervalMs);
  let isFailureTold = false;

  const tellFailure = (error: unknown) => {
    const failedCount = countFailures();
    if (failedCount === undefined) return;
    log.warn({ err: error, task: name, failedCount }, 'a scheduled task failed; it will run again');
    isFailureTold = true;
  };
  const tellSuccess = () => {
    if (isFailureTold) log.info({ task: name }, 'a scheduled task succeeds again');
    isFailureTold = false;
  };
  const takeTurn = () => {
    turn = task()
      .then(tellSuccess, tellFailure)
      .then(() => {
        if (!isStopped) timer = setTimeout(takeTurn, everyMs);
      });
  };
  if (firstInMs === 0) takeTurn();
  else timer = setTimeout(takeTurn, firstInMs);

  return {
    stop: async () => {
      isStopped = true;
      clearTimeout(timer);
      await turn;
    },
  };
}
