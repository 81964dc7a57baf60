// The pretend vendor's time: as fast as the wall's, or a given number of times faster. Everything that the vendor does or
// says (ends of sessions, expiries, windows of limits, Retry-After) is in this time. Timers never keep a process alive.

export interface VendorClock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `run` once it is `timeMs`, never within this very call; the answer takes the order back. */
  at(timeMs: number, run: () => void): () => void;
}

// Longer delays overflow Node's timers and would fire at once.
const longestTimerMs = 2_147_000_000;

/** A clock that starts at the wall's time and runs `speed` times as fast. */
export function createClock(speed = 1): VendorClock {
  const startedAt = Date.now();
  const began = performance.now();
  const now = () => startedAt + (performance.now() - began) * speed;
  return {
    now,
    at: (timeMs, run) => {
      let timer: NodeJS.Timeout;
      const wait = () => {
        const delayMs = Math.min(Math.max(0, (timeMs - now()) / speed), longestTimerMs);
        // Node's timers may fire a little early, which a fast clock makes much of.
        timer = setTimeout(() => (now() < timeMs ? wait() : run()), Math.ceil(delayMs)).unref();
      };
      wait();
      return () => clearTimeout(timer);
    },
  };
}

/** Resolves when it is `ms` later by this clock; rejects when `signal` is aborted. */
export function waitBy(clock: VendorClock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const leave = () => {
      cancel();
      reject(signal.reason);
    };
    const cancel = clock.at(clock.now() + ms, () => {
      signal.removeEventListener('abort', leave);
      resolve();
    });
    signal.addEventListener('abort', leave, { once: true });
  });
}
