// Chance that can be had again: the same seed and stream give the same numbers on every machine. Each part of a
// scenario draws from a stream of its own, so that switching one fault off leaves all the others where they were.
// Nothing here is fit for secrets.
import { createHash } from 'node:crypto';

export interface Random {
  /** At least 0, below 1. */
  next(): number;
  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number;
  chance(share: number): boolean;
  pick<T>(things: readonly [T, ...T[]]): T;
  /** `count` different ones of `things`, or all of them where there are not so many. */
  deal<T>(things: readonly T[], count: number): T[];
}

/** The stream called `stream` of this seed. */
export function createRandom(seed: number, stream: string): Random {
  const next = mulberry32(createHash('sha256').update(`${seed}/${stream}`).digest().readUInt32LE(0));
  const whole = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
  return {
    next,
    whole,
    chance: (share) => next() < share,
    pick: (things) => things[whole(0, things.length - 1)] ?? things[0],
    deal: (things, count) => {
      const rest = [...things];
      const dealt = [];
      while (dealt.length < count && rest.length > 0)
        dealt.push(...rest.splice(whole(0, rest.length - 1), 1));
      return dealt;
    },
  };
}

// Mulberry32 by Tommy Ettinger, in the public domain: 32 bits of state, and quite enough for a scenario.
function mulberry32(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
