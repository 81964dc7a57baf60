// One measurement of one contender: starts the load, notes the processor's time at its begin and its end, and waits until
// the contender has processed what it took, so that its backlog does not weigh on whoever is measured next.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadResult } from './cannon.ts';
import type { Contender } from './contenders.ts';
import { type CpuReading, type CpuShares, readCpu, shareCpu } from './cpu-time.ts';
import type { LoadJob, LoadMessage } from './load.ts';

export interface Measurement extends LoadResult {
  readonly contender: string;
  readonly round: number;
  readonly acknowledgedPerSecond: number;
  /** Deliveries in one group commit, on average; undefined for a contender without. */
  readonly groupDeliveries: number | undefined;
  /** Time of one group commit, on average. */
  readonly commitMs: number | undefined;
  /** Deliveries that were processed while the load ran, a second. */
  readonly processedPerSecond: number | undefined;
  /** From the end of the load until all was processed. */
  readonly drainSeconds: number | undefined;
  readonly cpu: CpuShares | undefined;
}

export interface MeasureOptions extends Omit<LoadJob, 'url'> {
  readonly round: number;
  readonly signal: AbortSignal;
}

/** A load's own program, which is handed `job` and the address, and tells of itself as `load.ts` does. */
export interface LoadProgram {
  /** In this folder. */
  readonly file: string;
  readonly job: object;
  readonly round: number;
  readonly signal: AbortSignal;
}

export type Counters = ReadonlyMap<string, number>;

const drainDeadlineMs = 120_000;
const drainPollMs = 200;

export function measure(contender: Contender, options: MeasureOptions): Promise<Measurement> {
  const { round, signal, ...job } = options;
  return measureUnder<LoadResult>(contender, { file: 'load.ts', job, round, signal });
}

/** The same under a load of another program, whose result may say more. */
export async function measureUnder<Result extends LoadResult>(
  contender: Contender,
  { file, job, round, signal }: LoadProgram,
): Promise<Measurement & Result> {
  const child = fork(path.join(import.meta.dirname, file), { signal });
  child.on('error', () => {}); // the abort of `signal`, which `once` below tells as well
  child.send({ ...job, url: new URL('/webhooks/ilive', contender.address).href });
  await untilTold(child, 'begun', signal);
  const before: CpuReading | undefined = readCpu();
  const countedBefore = await readCounters(contender);
  const told = await untilTold(child, 'ended', signal);
  const result = told.result as Result; // what the program of `file` promises
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
    cpu: shareCpu(before, after, { seconds, servicePid: contender.pid, loadPid: child.pid ?? 0 }),
  };
}

async function untilTold<About extends LoadMessage['about']>(
  child: ReturnType<typeof fork>,
  about: About,
  signal: AbortSignal,
): Promise<Extract<LoadMessage, { about: About }>> {
  const failed = new AbortController();
  child.once('exit', () => failed.abort(new Error('the load ended before it had told its result')));
  const [message] = (await once(child, 'message', { signal: AbortSignal.any([signal, failed.signal]) }).catch(
    () => {
      throw signal.aborted ? signal.reason : failed.signal.reason;
    },
  )) as [LoadMessage];
  if (message.about !== about) throw new Error(`the load told "${message.about}" and not "${about}"`);
  return message as Extract<LoadMessage, { about: About }>;
}

async function drain(
  contender: Contender,
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
export async function readCounters({ address }: Pick<Contender, 'address'>): Promise<Counters> {
  const counters = new Map<string, number>();
  const response = await fetch(new URL('/metrics', address));
  const text = await response.text();
  for (const [, name = '', value] of text.matchAll(/^(ilive_\w+)(?:\{[^}]*\})? (\S+)$/gm)) {
    counters.set(name, (counters.get(name) ?? 0) + Number(value));
  }
  return counters;
}

function compareCounters(before: Counters, after: Counters, seconds: number, processes: boolean) {
  const grown = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
  const commits = grown('ilive_group_deliveries_count');
  return {
    groupDeliveries: commits === 0 ? undefined : grown('ilive_group_deliveries_sum') / commits,
    commitMs: commits === 0 ? undefined : (grown('ilive_group_commit_seconds_sum') / commits) * 1000,
    processedPerSecond: processes ? grown('ilive_deliveries_processed_total') / seconds : undefined,
  };
}
