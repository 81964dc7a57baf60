// How many callers wait at once. Each costs a socket and a little memory, so their number is bounded: one more is told to
// come back, before it costs anything.
import { ServiceError } from '../errors.ts';

export interface Callers {
  /** Counts one more, until what it gives back is called. Throws `overloaded` past the limit. */
  enter(kind: CallerKind): () => void;
  count(kind: CallerKind): number;
}

export const callerKinds = ['verdict', 'changes', 'stream'] as const;
export type CallerKind = (typeof callerKinds)[number];

const retryAfterMs = 5_000;

export function createCallers(max: number): Callers {
  const counts = new Map<CallerKind, number>(callerKinds.map((kind) => [kind, 0]));
  const count = (kind: CallerKind) => counts.get(kind) ?? 0;
  return {
    enter: (kind) => {
      const all = callerKinds.reduce((sum, each) => sum + count(each), 0);
      if (all >= max) {
        throw new ServiceError('overloaded', 'Too many callers wait already.', { retryAfterMs });
      }
      counts.set(kind, count(kind) + 1);
      let hasLeft = false;
      return () => {
        if (!hasLeft) counts.set(kind, count(kind) - 1);
        hasLeft = true;
      };
    },
    count,
  };
}
