// One measurement of one server under a load of another program: starts the load, notes the processor's time at its begin
// and its end, and waits until the server has processed what it took, so that its backlog does not weigh on whoever is
// measured next. Also what every measurement of the service reads: its own counters.
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadResult } from './cannon.ts';
import { type CpuReading, type CpuShares, readCpu, shareCpu } from './cpu-time.ts';
import { forkLoad, untilTold } from './load-process.ts';
import type { StartedService } from './start-service.ts';

export interface Measurement extends LoadResult {
  readonly contender: string;
  readonly round: number;
  readonly acknowledgedPerSecond: number;
  /** Deliveries in one group commit, on average; undefined for a server without. */
  readonly groupDeliveries: number | undefined;
  /** Time of one group commit, on average. */
  readonly commitMs: number | undefined;
  /** Deliveries that were processed while the load ran, a second. */
  readonly processedPerSecond: number | undefined;
  /** From the end of the load until all was processed. */
  readonly drainSeconds: number | undefined;
  readonly cpu: CpuShares | undefined;
}

/** A load's own program, which is handed `job` and the address, and tells of itself. */
export interface LoadProgram {
  /** In this folder. */
  readonly file: string;
  readonly job: object;
  readonly round: number;
  readonly signal: AbortSignal;
}

/** What such a program tells: the begin of what is measured, and its end. */
export type LoadTold<Result> =
  | { readonly about: 'begun' }
  | { readonly about: 'ended'; readonly result: Result };

export type Counters = ReadonlyMap<string, number>;

const drainDeadlineMs = 120_000;
const drainPollMs = 200;

export async function measureUnder<Result extends LoadResult>(
  contender: StartedService,
  { file, job, round, signal }: LoadProgram,
): Promise<Measurement & Result> {
  const url = new URL('/webhooks/ilive', contender.address).href;
  const child = forkLoad(file, { ...job, url }, signal);
  await untilTold<LoadTold<Result>, 'begun'>(child, 'begun', signal);
  const before: CpuReading | undefined = readCpu();
  const countedBefore = await readCounters(contender);
  const { result } = await untilTold<LoadTold<Result>, 'ended'>(child, 'ended', signal);
  const after = readCpu();
  const countedAfter = await readCounters(contender);
  const endedAt = performance.now();
  const drainSeconds = contender.processes ? await drain(contender, endedAt, signal) : undefined;
  const { seconds } = result;
  return {
    contender: contender.name,
    round,
    ...result,
    acknowledgedPerSecond: result.acknowledgedCount / seconds,
    ...compareCounters(countedBefore, countedAfter, seconds, contender.processes),
    drainSeconds,
    cpu: shareCpu(before, after, { seconds, servicePids: [contender.pid], loadPid: child.pid ?? 0 }),
  };
}

async function drain(
  contender: StartedService,
  endedAt: number,
  signal: AbortSignal,
): Promise<number | undefined> {
  while (performance.now() - endedAt < drainDeadlineMs) {
    const counters = await readCounters(contender);
    const received = counters.get('ilive_deliveries_received_total') ?? 0;
    if ((counters.get('ilive_deliveries_processed_total') ?? 0) >= received) {
      return (performance.now() - endedAt) / 1000;
    }
    await sleep(drainPollMs, undefined, { signal });
  }
  return undefined;
}

/** The service's own counters, summed over their labels; none for a server that has no metrics. */
export async function readCounters({ address }: Pick<StartedService, 'address'>): Promise<Counters> {
  const counters = new Map<string, number>();
  const response = await fetch(new URL('/metrics', address));
  const text = await response.text();
  for (const [, name = '', value] of text.matchAll(/^(ilive_\w+)(?:\{[^}]*\})? (\S+)$/gm)) {
    counters.set(name, (counters.get(name) ?? 0) + Number(value));
  }
  return counters;
}

/** What became of the groups between two readings. */
export function compareCounters(before: Counters, after: Counters, seconds: number, processes: boolean) {
  const grown = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
  const commits = grown('ilive_group_deliveries_count');
  return {
    groupDeliveries: commits === 0 ? undefined : grown('ilive_group_deliveries_sum') / commits,
    commitMs: commits === 0 ? undefined : (grown('ilive_group_commit_seconds_sum') / commits) * 1000,
    processedPerSecond: processes ? grown('ilive_deliveries_processed_total') / seconds : undefined,
  };
}
