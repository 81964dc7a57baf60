// How what was started is undone: the last first, each step within what is left of the grace period.
import { setTimeout as wait } from 'node:timers/promises';
import type { Running } from './running.ts';

/** A step that takes longer than the grace period is left behind, so that a store that hangs cannot keep us alive. */
export async function undoAll({ undo, log, config }: Running): Promise<void> {
  const deadline = Date.now() + config.shutdownGraceMs;
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
      wait(Math.max(deadline - Date.now(), 1_000), false, { ref: false }),
    ]);
    if (!isDone) log.warn({ step: name }, 'a step of stopping took longer than the grace period');
  }
}
