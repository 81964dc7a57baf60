// One whole run against a service that is up: send, wait until nothing is owed and no session is silent, read the tables
// back, compare them with the oracle, and measure. It neither starts nor stops a service and prints nothing.
import { setTimeout as sleep } from 'node:timers/promises';
import { judgeLosses } from './answers.ts';
import { compare } from './compare.ts';
import { type Completeness, judgeCompleteness, readCompleteness } from './completeness.ts';
import { type Answer, deliver, type Signing } from './deliver.ts';
import type { LiveVendor } from './live-vendor.ts';
import { type Expectation, expectTables } from './oracle.ts';
import { type Api, countOwed, countSilent, type Extent, readTables, type Tables } from './read-tables.ts';
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
  /** Requests that may fail twice, so that nobody can judge what became of them. */
  readonly allowedLost: number;
  /** Where the service creates the sessions of the scenario itself. */
  readonly live?: LiveVendor;
  readonly onProgress: (progress: Progress) => void;
}

export type Progress =
  | { readonly phase: 'sending'; readonly done: number; readonly total: number }
  | { readonly phase: 'settling'; readonly owed: number; readonly silent: number }
  | { readonly phase: 'comparing' };

export interface Run {
  readonly scenario: Scenario;
  readonly answers: readonly Answer[];
  readonly expectation: Expectation;
  readonly tables: Tables;
  /** Empty when everything is exactly as it must be. */
  readonly differences: readonly string[];
  readonly sendingMs: number;
  /** From the last message sent to the last session settled. */
  readonly settlingMs: number;
  /** Undefined where the service did not create the sessions. */
  readonly completeness: Completeness | undefined;
}

const attemptTimeoutMs = 10_000;
const sampleCount = 100;

/** Runs the scenario. Throws when the service's API cannot be read or `signal` is aborted. */
export async function runScenario(options: RunOptions): Promise<Run> {
  const { scenario: planned, api, live, onProgress } = options;
  const startedAt = new Date();
  const beganMs = performance.now();
  const answers = await sendAll(options);
  const sendingMs = performance.now() - beganMs;
  const accepted = expectTables(planned, answers);
  const extent: Extent = {
    mark: planned.mark,
    startedAt,
    deliveryIds: new Set(accepted.deliveries.keys()),
    sessionIds: [],
  };
  const unsettled = await untilSettled(options, extent);
  const settlingMs = performance.now() - beganMs - sendingMs;
  onProgress({ phase: 'comparing' });
  const scenario = live?.played() ?? planned;
  const expectation = expectTables(scenario, answers, live?.pulled());
  const tables = await readTables(api, { ...extent, sessionIds: sampleOf(expectation) });
  const completeness = live && (await readCompleteness(api, startedAt));
  const differences = [
    ...judgeLosses(scenario.messages, answers, options.allowedLost),
    ...sayUnsettled(unsettled, options.settleTimeoutMs),
    ...(live?.complaints() ?? []),
    ...compare(expectation, tables),
    ...(completeness === undefined ? [] : judgeCompleteness(completeness, tables.sessions)),
  ];
  return { scenario, answers, expectation, tables, differences, sendingMs, settlingMs, completeness };
}

function sendAll(options: RunOptions): Promise<Answer[]> {
  const { scenario, api, live, onProgress } = options;
  const total = scenario.messages.filter(({ isDropped }) => !isDropped).length;
  const asked = new Set<number>();
  return deliver(scenario.messages, {
    ...options,
    timeoutMs: attemptTimeoutMs,
    signal: api.signal,
    ...(live === undefined ? {} : { prepare: live.prepare }),
    onAnswer: ({ message }) => {
      asked.add(message);
      onProgress({ phase: 'sending', done: asked.size, total });
    },
  });
}

function sayUnsettled({ owed, silent }: Unsettled, timeoutMs: number): string[] {
  const after = `after ${timeoutMs / 1000} s`;
  return [
    ...(owed === 0 ? [] : [`${owed} deliveries are still not processed ${after}`]),
    ...(silent === 0 ? [] : [`${silent} sessions that the service created are not settled ${after}`]),
  ];
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

interface Unsettled {
  readonly owed: number;
  readonly silent: number;
}

// Nothing to be seen twice in a row: an answer that is under way is neither owed nor silent.
const quietLooks = 2;
const quietPauseMs = 250;

async function untilSettled(
  { scenario, api, live, settleTimeoutMs, onProgress }: RunOptions,
  extent: Extent,
): Promise<Unsettled> {
  const deadline = performance.now() + settleTimeoutMs;
  const created = new Set(
    live === undefined
      ? []
      : scenario.sessions.filter(({ truth }) => truth !== null).map(({ sessionId }) => sessionId),
  );
  let looks = 0;
  for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 1_000)) {
    const silent = created.size === 0 ? 0 : await countSilent(api, extent, created);
    const owed = await countOwed(api, extent);
    looks = owed + silent === 0 ? looks + 1 : 0;
    if (looks > 0 && (live === undefined || looks >= quietLooks)) return { owed, silent };
    if (performance.now() > deadline) return { owed, silent };
    if (looks === 0) onProgress({ phase: 'settling', owed, silent });
    await sleep(looks > 0 ? quietPauseMs : pauseMs, undefined, { signal: api.signal });
  }
}
