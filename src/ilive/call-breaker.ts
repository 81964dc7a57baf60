// Leaves iLive alone for a while after it has failed several times in a row, and lets one call try after that. Only
// trouble of the vendor counts (5xx, connection, timeout): a refused request proves that it is alive. It looks at a
// clock that nobody sets, also where the client was given another one.
import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
} from 'cockatiel';
import { cancelled } from './call.ts';
import { CancelledError, VendorUnavailableError } from './errors.ts';

export interface BreakerOptions {
  /** Failures in a row until calls are refused. */
  readonly failures: number;
  /** How long calls are refused before one may try. */
  readonly halfOpenAfterMs: number;
}

export interface Breaker {
  /** Throws a VendorUnavailableError while calls are refused. */
  check(operation: string): void;
  /** Runs `action`, which must resolve when the vendor answered at all. */
  run<T>(operation: string, action: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

export function createBreaker({ failures, halfOpenAfterMs }: BreakerOptions): Breaker {
  let openedAtMs = 0;
  // A trial that its own caller cancels has shown nothing: it must not pass for a success, which would close the circuit.
  const counts = (error: unknown) =>
    error instanceof VendorUnavailableError ||
    (error instanceof CancelledError && policy.state === CircuitState.HalfOpen);
  const build = (initialState?: unknown): CircuitBreakerPolicy => {
    const built = circuitBreaker(handleWhen(counts), {
      halfOpenAfter: halfOpenAfterMs,
      breaker: new ConsecutiveBreaker(failures),
      initialState,
    });
    built.onBreak(() => {
      openedAtMs = performance.now();
    });
    return built;
  };
  let policy = build();
  const leftAloneMs = () =>
    policy.state === CircuitState.Open ? openedAtMs + halfOpenAfterMs - performance.now() : 0;
  const refusal = (operation: string) =>
    new VendorUnavailableError(
      `${operation} was not tried: iLive failed ${failures} times in a row and is left alone for now`,
      { code: 'circuit_open', retryAfterMs: Math.max(1, Math.ceil(leftAloneMs())) },
    );
  const check = (operation: string) => {
    if (leftAloneMs() > 0) throw refusal(operation);
  };
  return {
    check,
    async run(operation, action, signal) {
      check(operation);
      // The library looks at the clock of the day: where that was set back it would refuse the trial for as long as the jump.
      if (policy.state === CircuitState.Open) policy = build(openLongAgo(failures));
      try {
        return await orCancelled(operation, policy.execute(action), signal);
      } catch (error) {
        throw error instanceof BrokenCircuitError ? refusal(operation) : error;
      }
    },
  };
}

// As a policy of the library's would write its state down.
function openLongAgo(failures: number): unknown {
  return {
    ownState: { value: CircuitState.Open, openedAt: 0, attemptNo: 1 },
    breakerState: failures,
  };
}

/** A breaker that never refuses. */
export const noBreaker: Breaker = { check: () => {}, run: (_operation, action) => action() };

// While one call tries, the others wait for what it finds, without an ear for their callers.
function orCancelled<T>(operation: string, result: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return result;
  return new Promise((resolve, reject) => {
    const leave = () => reject(cancelled(operation));
    signal.addEventListener('abort', leave, { once: true });
    result.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    if (signal.aborted) leave();
  });
}
