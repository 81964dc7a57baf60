// In the service's process: counts how often each instant of each point is hit, and at the one that is armed reports it and
// strikes at once, synchronously, so that nothing runs in between. What is done to others (Postgres, Redis, a wire, a disk) the
// explorer does, and this process stands still until it has.
import { readSync, writeSync } from 'node:fs';

/** What the explorer sends: which instants are armed, and what happens at the first of them that is hit often enough. */
export interface Arming {
  /** What the explorer calls it; told again with the strike. */
  readonly trouble: string;
  readonly instants: readonly number[];
  /** Strike when one of them is hit for the so-manieth time. */
  readonly hit: number;
  /** What this process does to itself. */
  readonly self: 'SIGKILL' | 'SIGSTOP' | null;
  /** Whether the explorer has something to do first, at this instant. */
  readonly isWaitedFor: boolean;
}

export interface Strike {
  readonly trouble: string;
  readonly instant: number;
  readonly hit: number;
}

export interface ChildPoints {
  arm(arming: Arming | null): void;
  /** Hits since this was asked last, as [instant, hits]; those without any are left out. */
  takeHits(): (readonly [number, number])[];
}

const reportFd = 4;
const wordFd = 5;

declare global {
  // Called in the copies of the sources, with the point's instant; gives back what it is given.
  var __crash: <T>(instant: number, value?: T) => T | undefined;
}

export function watchPoints(instantCount: number): ChildPoints {
  const hits = new Uint32Array(instantCount);
  const left = new Uint32Array(instantCount);
  let armed: Arming | null = null;
  globalThis.__crash = (instant, value) => {
    hits[instant] = (hits[instant] ?? 0) + 1;
    const missing = left[instant];
    if (armed !== null && missing !== undefined && missing > 0) {
      left[instant] = missing - 1;
      if (missing === 1) {
        const struck = armed;
        armed = null;
        left.fill(0);
        strike(struck, { trouble: struck.trouble, instant, hit: struck.hit });
      }
    }
    return value;
  };
  return {
    arm: (arming) => {
      armed = arming;
      left.fill(0);
      for (const instant of arming?.instants ?? []) left[instant] = arming?.hit ?? 1;
    },
    takeHits: () => {
      const taken = [...hits].flatMap((count, instant) => (count === 0 ? [] : [[instant, count] as const]));
      hits.fill(0);
      return taken;
    },
  };
}

function strike({ self, isWaitedFor }: Arming, report: Strike): void {
  writeSync(reportFd, `${JSON.stringify(report)}\n`);
  if (isWaitedFor) waitForWord();
  if (self !== null) process.kill(process.pid, self);
}

// A pipe that has nothing yet may say so instead of letting us wait.
function waitForWord(): void {
  const byte = new Uint8Array(1);
  const cell = new Int32Array(new SharedArrayBuffer(4));
  for (let attempt = 0; attempt < 5_000; attempt += 1) {
    try {
      readSync(wordFd, byte);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      Atomics.wait(cell, 0, 0, 1);
    }
  }
}
