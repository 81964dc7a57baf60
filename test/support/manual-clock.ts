// The pretend vendor's time, moved by hand.
import type { VendorClock } from '../../src/simulator/api-clock.ts';

interface ManualClock extends VendorClock {
  /** Moves on and calls what has come due, the earliest first, each at its own time. */
  advance(ms: number): void;
}

/** A clock that stands still until it is moved. */
export function createManualClock(startMs: number): ManualClock {
  let nowMs = startMs;
  let orders: { readonly timeMs: number; readonly run: () => void }[] = [];
  return {
    now: () => nowMs,
    at: (timeMs, run) => {
      const order = { timeMs, run };
      orders.push(order);
      return () => {
        orders = orders.filter((other) => other !== order);
      };
    },
    advance: (ms) => {
      const untilMs = nowMs + ms;
      for (;;) {
        const [next] = orders.filter(({ timeMs }) => timeMs <= untilMs).sort((a, b) => a.timeMs - b.timeMs);
        if (next === undefined) break;
        orders = orders.filter((other) => other !== next);
        nowMs = Math.max(nowMs, next.timeMs);
        next.run();
      }
      nowMs = untilMs;
    },
  };
}
