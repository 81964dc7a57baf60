// What is paused, held in memory and read anew every second, so that nothing at work has to ask. While the database cannot
// be read the last that was known holds.
import type { Queries } from '../db/connect.ts';
import { listPauses } from '../db/pauses.ts';
import type { Pausable } from '../db/schema-operations.ts';

export interface Pauses {
  isPaused(what: Pausable): boolean;
  refresh(): Promise<void>;
}

/** Nothing is paused before the first `refresh`. */
export function createPauses(db: Queries): Pauses {
  let paused = new Set<Pausable>();
  return {
    isPaused: (what) => paused.has(what),
    refresh: async () => {
      paused = new Set((await listPauses(db)).map(({ what }) => what));
    },
  };
}
