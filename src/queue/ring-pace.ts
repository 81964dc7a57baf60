// When a lane may be rung for next. A job costs Postgres and the process several times what one more id in it does (measured
// 2026-11-25), so ids gather for longer the more come in and the longer a ring takes; whoever comes alone never waits.

const ringIntervalPerThousandASecondMs = 20;
const ringIntervalMaxMs = 100;
// Where less comes in, a ring may take a fifth of the time: at 200 a second each job held one or two ids, and all that a job costs,
// here and at the worker, kept two slow cores from what was waited for. See 041.
const intervalPerRing = 5;
// A store that is slow gains by fewer jobs: a ring that took twice as long as a quiet one has the next wait four times as long, which
// is little all the same where little comes in. Four processes on two cores each rang for a few ids at a time (measured 2026-11-26).
const quietRingMs = 6;
const slownessMax = 5;
const slowRingIntervalMaxMs = 400;

export interface RingPace {
  /** How long the next ring is to wait from now on. */
  restMs(): number;
  /** A ring for so many ids begins; to be told when it is over. */
  begin(idCount: number): () => void;
}

export function createRingPace(): RingPace {
  let begunAt = Number.NEGATIVE_INFINITY;
  let intervalMs = 0;
  return {
    restMs: () => begunAt + intervalMs - performance.now(),
    begin: (idCount) => {
      const nowMs = performance.now();
      const thousandsASecond = idCount / (nowMs - begunAt);
      begunAt = nowMs;
      return () => {
        const tookMs = performance.now() - nowMs;
        const slowness = Math.min(Math.max(tookMs / quietRingMs, 1), slownessMax);
        const wantedMs = Math.min(ringIntervalMaxMs, thousandsASecond * ringIntervalPerThousandASecondMs);
        const seldomMs = Math.min(ringIntervalMaxMs, tookMs * intervalPerRing);
        intervalMs = Math.max(seldomMs, Math.min(slowRingIntervalMaxMs, wantedMs * slowness ** 2));
      };
    },
  };
}
