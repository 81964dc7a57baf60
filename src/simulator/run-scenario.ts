// One whole run against a service that is up: plan, send, wait until nothing is owed, read the tables back, compare them
// with the oracle, and measure. It neither starts nor stops a service and prints nothing.
import { setTimeout as sleep } from 'node:timers/promises';
import { compare } from './compare.ts';
import { type Answer, deliver, type Signing } from './deliver.ts';
import { type Expectation, expectTables } from './oracle.ts';
import { type Api, countOwed, type Extent, readTables, type Tables } from './read-tables.ts';
import type { Scenario } from './scenario.ts';

export interface RunOptions {
  readonly scenario: Scenario;
  readonly url: URL;
  readonly signing: Signing;
  readonly api: Api;
  readonly ratePerSecond: number;
  readonly concurrency: number;
  readonly retryDelayMs: number;
  /** How long after the last answer the service may still owe something. */
  readonly settleTimeoutMs: number;
  readonly onProgress: (progress: Progress) => void;
}

export type Progress =
  | { readonly phase: 'sending'; readonly done: number; readonly total: number }
  | { readonly phase: 'settling'; readonly owed: number }
  | { readonly phase: 'comparing' };

export interface Run {
  readonly scenario: Scenario;
  readonly answers: readonly Answer[];
  readonly expectation: Expectation;
  readonly tables: Tables;
  /** Empty when everything is exactly as it must be. */
  readonly differences: readonly string[];
  readonly sendingMs: number;
}

const attemptTimeoutMs = 10_000;
const sampleCount = 100;

/** Runs the scenario. Throws when the service's API cannot be read or `signal` is aborted. */
export async function runScenario(options: RunOptions): Promise<Run> {
  const { scenario, api, onProgress } = options;
  const startedAt = new Date();
  const beganMs = performance.now();
  const asked = new Set<number>();
  const answers = await deliver(scenario.messages, {
    ...options,
    timeoutMs: attemptTimeoutMs,
    signal: api.signal,
    onAnswer: ({ message }) => {
      asked.add(message);
      onProgress({ phase: 'sending', done: asked.size, total: scenario.messages.length });
    },
  });
  const sendingMs = performance.now() - beganMs;
  const expectation = expectTables(scenario, answers);
  const extent: Extent = {
    mark: scenario.mark,
    startedAt,
    deliveryIds: new Set(expectation.deliveries.keys()),
    sessionIds: sampleOf(expectation),
  };
  const owed = await untilNothingIsOwed(options, extent);
  onProgress({ phase: 'comparing' });
  const tables = await readTables(api, extent);
  const late =
    owed === 0
      ? []
      : [`${owed} deliveries are still not processed after ${options.settleTimeoutMs / 1000} s`];
  return {
    scenario,
    answers,
    expectation,
    tables,
    differences: [...late, ...compare(expectation, tables)],
    sendingMs,
  };
}

// Whatever is out of the ordinary, and then every so many of the ordinary ones; ghosts must not be found by id either.
function sampleOf({ sessions, ghostSessionIds }: Expectation): string[] {
  const ids = [...sessions.keys()];
  const step = Math.max(1, Math.ceil(ids.length / sampleCount));
  const isInteresting = (id: string) => {
    const session = sessions.get(id);
    return session?.state !== 'settled' || session.observedBy.length > 1;
  };
  return [...ids.filter((id, index) => isInteresting(id) || index % step === 0), ...ghostSessionIds];
}

async function untilNothingIsOwed(
  { api, settleTimeoutMs, onProgress }: RunOptions,
  extent: Extent,
): Promise<number> {
  const deadline = performance.now() + settleTimeoutMs;
  for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 1_000)) {
    const owed = await countOwed(api, extent);
    if (owed === 0 || performance.now() > deadline) return owed;
    onProgress({ phase: 'settling', owed });
    await sleep(pauseMs, undefined, { signal: api.signal });
  }
}
