// What a test has started and is undone behind it, however it ends: the last first.
import { afterEach } from 'vitest';

/** To be called once, at the top of a test file; what is pushed during a test is called after it. */
export function useUndo(): (() => unknown)[] {
  const undo: (() => unknown)[] = [];
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step();
  });
  return undo;
}
