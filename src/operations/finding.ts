// What the doctor says about one thing.
import type { Level } from './problem.ts';

export interface Finding {
  readonly check: string;
  readonly level: Level;
  readonly message: string;
  /** How to mend it; null where there is nothing to mend. */
  readonly advice: string | null;
}

export function finding(check: string, level: Level, message: string, advice: string | null): Finding {
  return { check, level, message, advice };
}
