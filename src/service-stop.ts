// How what was started is undone: the last first, each step within what is left of the grace period. Where nothing is left of it,
// each of the steps that still come has a moment, so that what need not wait for anybody is closed as it should be.
import { setTimeout as wait } from 'node:timers/promises';
import type { Running } from './running.ts';
import { schedule } from './schedule.ts';

// For a step that needs no more than our own process. There are some thirty, so that all together stay far below the ten seconds
// that platforms are told.
const momentMs = 100;

/** A step that takes longer than the grace period is left behind, so that a store that hangs cannot keep us alive. */
export async function undoAll({ undo, log, config }: Running): Promise<void> {
  const deadline = performance.now() + config.shutdownGraceMs;
  for (let step = undo.pop(); step !== undefined; step = undo.pop()) {
    const { name, run } = step;
    const isDone = await Promise.race([
      run().then(
        () => true,
        (error: unknown) => {
          log.warn({ err: error, step: name }, 'a step of stopping failed');
          return true;
        },
      ),
      wait(Math.max(deadline - performance.now(), momentMs), false, { ref: false }),
    ]);
    if (!isDone) log.warn({ step: name }, 'a step of stopping took longer than the grace period');
  }
}

/** Runs the task every `everyMs` until the service stops. */
export function scheduleUntilStop(
  { undo, log }: Running,
  name: string,
  everyMs: number,
  task: () => Promise<void>,
): void {
  const { stop } = schedule(name, everyMs, task, log);
  undo.push({ name, run: stop });
}
