// Work that comes round: the sweep, the upkeep. A timer in the process and not a job scheduler in the store, because what
// repairs a flushed or absent store must not live in it. Every process runs its own; each task is harmless when several
// do it at once.
import type { Log } from './log.ts';

export interface Schedule {
  /** Takes no new turn and waits for the one at work. */
  stop(): Promise<void>;
}

/** Runs `task` every `everyMs`, the first time after `firstInMs`, never two at a time. What it throws is logged. */
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

  const takeTurn = () => {
    turn = task()
      .catch((error: unknown) =>
        log.warn({ err: error, task: name }, 'a scheduled task failed; it will run again'),
      )
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
