// The processes of the service in one round: who stands in which place, who is armed, and who takes the place of one that was
// killed. The next to take a place is loaded already and waits. One that ends without having been struck is a complaint.
import { setTimeout as pause } from 'node:timers/promises';
import type { Arming, Strike } from './child-points.ts';
import { type ServiceChild, startChild } from './child-process.ts';
import type { Packed } from './pack-service.ts';

export type PlaceName = 'all' | 'receiver' | 'worker';

export interface Member {
  readonly place: PlaceName;
  child: ServiceChild;
  /** Whether its end is our doing. */
  isEnding: boolean;
  hasListened: boolean;
}

export interface Crew {
  readonly members: readonly Member[];
  /** Endings that nobody asked for, in sentences. */
  readonly complaints: readonly string[];
  /** Arms everybody, also those who take a place meanwhile; null disarms. */
  arm(arming: Arming | null, onStrike: (member: Member, strike: Strike) => void): void;
  /** Puts another process in the place of one that has ended. */
  replace(member: Member, gone: ServiceChild): void;
  listening(): Promise<void>;
  collectHits(counts: Uint32Array): Promise<void>;
  /** Ends all in good order; gives what was wrong with it. */
  stop(): Promise<string[]>;
  kill(): Promise<void>;
}

export interface WarmChildren {
  take(): ServiceChild;
  stop(): Promise<void>;
}

/** Keeps `count` processes loaded. */
export function keepWarm(packed: Packed, count: number): WarmChildren {
  const waiting = Array.from({ length: count }, () => startChild(packed));
  return {
    take: () => {
      waiting.push(startChild(packed));
      return waiting.shift() as ServiceChild;
    },
    stop: async () => {
      for (const child of waiting) child.signal('SIGKILL');
      await Promise.all(waiting.map(({ ended }) => ended));
    },
  };
}

const restartAfterMs = 200;
const lookMs = 20;

export function createCrew(
  places: readonly PlaceName[],
  warm: WarmChildren,
  envOf: (place: PlaceName) => Readonly<Record<string, string>>,
): Crew {
  const complaints: string[] = [];
  let arming: Arming | null = null;
  let isOver = false;
  let onStrike: (member: Member, strike: Strike) => void = () => {};
  const begin = (member: Member) => {
    const { child, place } = member;
    child.arm(arming, (strike) => onStrike(member, strike));
    child.start(envOf(place));
    const onListening = () => {
      if (member.child === child) member.hasListened = true;
    };
    child.listening.then(onListening, () => {});
    void child.ended.then((how) => {
      if (member.isEnding || member.child !== child) return;
      // A store that goes away in the middle of a start ends it with 1, and whoever started it starts it again.
      const isFailedStart = how === 1 && !member.hasListened;
      if (!isFailedStart) complaints.push(`${place} ended by itself (${how}):\n${child.lastLines()}`);
      setTimeout(() => member.isEnding || replace(member, child), restartAfterMs);
    });
  };
  const replace = (member: Member, gone: ServiceChild) => {
    if (member.child !== gone || isOver) return; // somebody else has seen to it
    member.child = warm.take();
    member.isEnding = false;
    member.hasListened = false;
    begin(member);
  };
  const members = places.map(
    (place): Member => ({ place, child: warm.take(), isEnding: false, hasListened: false }),
  );
  for (const member of members) begin(member);
  return {
    members,
    complaints,
    arm: (next, hear) => {
      arming = next;
      onStrike = hear;
      for (const member of members) member.child.arm(next, (strike) => hear(member, strike));
    },
    replace,
    listening: async () => {
      while (!members.every(({ hasListened }) => hasListened)) await pause(lookMs);
    },
    collectHits: async (counts) => {
      await Promise.all(members.map(({ child }) => child.collectHits(counts)));
    },
    stop: () => {
      isOver = true;
      return endInOrder(members);
    },
    kill: async () => {
      isOver = true;
      for (const member of members) {
        member.isEnding = true;
        member.child.signal('SIGKILL');
      }
      await Promise.all(members.map(({ child }) => child.ended));
    },
  };
}

const stopDeadlineMs = 40_000;

async function endInOrder(members: readonly Member[]): Promise<string[]> {
  const stopped = members.map(async (member) => {
    const { child, place } = member;
    member.isEnding = true;
    child.signal('SIGTERM');
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      child.signal('SIGKILL');
    }, stopDeadlineMs);
    const how = await child.ended;
    clearTimeout(late);
    if (isLate) return [`${place} did not stop within ${stopDeadlineMs / 1000} s:\n${child.lastLines()}`];
    return how === 0 ? [] : [`${place} was stopped and ended with ${how}:\n${child.lastLines()}`];
  });
  return (await Promise.all(stopped)).flat();
}
