// One measurement of the service under the flood: starts the load, notes the processor's time at its begin and its end, and
// waits until the service has processed what it took, so that its backlog does not weigh on whoever is measured next.
import { setTimeout as sleep } from 'node:timers/promises';
import { type CpuReading, type CpuShares, readCpu, shareCpu } from './cpu-time.ts';
import { forkLoad, untilTold } from './load-process.ts';
import { compareGroups, readMetrics } from './read-metrics.ts';
import type { FloodJob, FloodMessage, FloodResult } from './refusals-load.ts';
import type { StartedService } from './start-service.ts';

export interface Measurement extends FloodResult {
  readonly acknowledgedPerSecond: number;
  /** Deliveries in one group commit, on average. */
  readonly groupDeliveries: number | undefined;
  /** Time of one group commit, on average. */
  readonly commitMs: number | undefined;
  /** Deliveries that were processed while the load ran. */
  readonly processedPerSecond: number;
  /** From the end of the load until all was processed; undefined where it never was. */
  readonly drainSeconds: number | undefined;
  readonly cpu: CpuShares | undefined;
}

const drainDeadlineMs = 120_000;
const drainPollMs = 200;
const received = 'ilive_deliveries_received_total';
const processed = 'ilive_deliveries_processed_total';

export async function measureFlood(
  { address, pid }: StartedService,
  job: FloodJob,
  signal: AbortSignal,
): Promise<Measurement> {
  const url = new URL('/webhooks/ilive', address).href;
  const child = forkLoad('refusals-load.ts', { ...job, url }, signal);
  await untilTold<FloodMessage, 'begun'>(child, 'begun', signal);
  const cpuBefore: CpuReading | undefined = readCpu();
  const before = await readMetrics(address);
  const { result } = await untilTold<FloodMessage, 'ended'>(child, 'ended', signal);
  const cpuAfter = readCpu();
  const after = await readMetrics(address);
  const drainSeconds = await drain(address, performance.now(), signal);
  const { seconds } = result;
  return {
    ...result,
    acknowledgedPerSecond: result.acknowledgedCount / seconds,
    ...compareGroups(before, after),
    processedPerSecond: ((after.get(processed) ?? 0) - (before.get(processed) ?? 0)) / seconds,
    drainSeconds,
    cpu: shareCpu(cpuBefore, cpuAfter, { seconds, servicePids: [pid], loadPid: child.pid ?? 0 }),
  };
}

async function drain(address: string, endedAt: number, signal: AbortSignal): Promise<number | undefined> {
  while (performance.now() - endedAt < drainDeadlineMs) {
    const metrics = await readMetrics(address);
    if ((metrics.get(processed) ?? 0) >= (metrics.get(received) ?? 0)) {
      return (performance.now() - endedAt) / 1000;
    }
    await sleep(drainPollMs, undefined, { signal });
  }
  return undefined;
}
