// How one strike goes about it: which instants are armed, one turn after the other until one of them comes by, and for how
// long each. It only plans, and arms nothing itself.
import type { Random } from '../../../src/simulator/random.ts';
import type { Lane } from './lane.ts';
import type { TroubleName } from './troubles.ts';

export interface StrikeTurn {
  /** Asked when the turn begins. */
  instants(): readonly number[];
  readonly waitMs: number;
  /** Strike at the so-manieth time. */
  readonly hit: number;
  /** Somebody is told to stop in good order once this is armed. */
  readonly isStop: boolean;
}

// Of the points that are known to be reached, first those that were struck least, and then more and more of them.
const shares = [0.15, 0.3, 0.5, 0.75, 1, 1, 1, 1];
const widenAfterMs = 300;
const hitMax = 4;
// Longer than it takes until somebody looks after what a dead receiver has left.
const patientMs = 7_000;
const forcedMs = 30_000;
const stopMs = 12_000;
// Of the strikes at one that stops, those at what was never struck.
const freshStopShare = 0.6;

// What comes by only in a stop.
const ofStops = /(service-(outage|receiver)\.ts run|\b(drain|stop|close|disconnect))#/;

export function planTurns({
  lane,
  trouble,
  random,
  isStopping,
  isPatient,
}: {
  readonly lane: Lane;
  readonly trouble: TroubleName;
  readonly random: Random;
  readonly isStopping: boolean;
  readonly isPatient: boolean;
}): StrikeTurn[] {
  const { queue, tally, packed, options } = lane;
  const once = { hit: 1, isStop: false };
  const { forced } = options;
  const isOfStops = (instant: number) => ofStops.test(packed.points[Math.floor(instant / 3)] ?? '');
  if (forced?.every(isOfStops))
    return Array.from({ length: 3 }, () => ({
      instants: () => forced,
      waitMs: stopMs,
      hit: 1,
      isStop: true,
    }));
  if (forced !== undefined) return [{ ...once, instants: () => forced, waitMs: forcedMs }];
  const widening = shares.map((share, turn) => ({
    ...once,
    instants: () => tally.leastStruck(queue, trouble, share),
    waitMs: widenAfterMs,
    hit: turn === 0 && !isStopping && !isPatient ? random.whole(1, hitMax) : 1,
  }));
  const fresh = tally.neverStruck(queue);
  if (isStopping) {
    const all = packed.points.flatMap((_, point) => [point * 3, point * 3 + 1, point * 3 + 2]);
    const freshStops = random.chance(freshStopShare) ? fresh.filter(isOfStops) : [];
    const armed = freshStops.length > 0 ? freshStops : all.filter(isOfStops);
    return [{ instants: () => armed, waitMs: stopMs, hit: 1, isStop: true }, ...widening];
  }
  if (!isPatient || fresh.length === 0) return widening;
  return [{ ...once, instants: () => fresh, waitMs: patientMs }, ...widening];
}
