// The experiment's clock: at most `speed` times as fast as the wall's, and slower for as long as it is told to. It never
// jumps: time in which the process did not come to run is left out. So everything that lives by it sees a machine that
// is fast enough, and what is measured is the policy and not the machine.
import type { VendorClock } from '../src/simulator/api-clock.ts';

export interface HeldClock extends VendorClock {
  /** Runs at this share of its speed from now on. */
  hold(share: number): void;
}

const longestStepMs = 10;
const tickMs = 4;
const longestTimerMs = 1_000_000;

export function createHeldClock(speed: number): HeldClock {
  let timeMs = Date.now();
  let lookedMs = performance.now();
  let share = 1;
  const now = () => {
    const nowMs = performance.now();
    timeMs += Math.min(nowMs - lookedMs, longestStepMs) * speed * share;
    lookedMs = nowMs;
    return timeMs;
  };
  // A clock that nobody looks at would take the time between two looks for one in which the process stood still.
  setInterval(now, tickMs).unref();
  return {
    now,
    at: (dueMs, run) => {
      let timer: NodeJS.Timeout;
      const order = () => {
        const restMs = Math.ceil(Math.max(0, dueMs - now()) / speed);
        timer = setTimeout(() => (now() < dueMs ? order() : run()), Math.min(restMs, longestTimerMs)).unref();
      };
      order();
      return () => clearTimeout(timer);
    },
    hold: (next) => {
      now();
      share = next;
    },
  };
}
