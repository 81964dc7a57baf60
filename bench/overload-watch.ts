// What is watched of a service that is overloaded, beside the load: how long a lone delivery takes, memory, readiness.
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { readMemory } from './cpu-time.ts';
import { writeBody } from './requests.ts';
import { createPost } from './signed-post.ts';

const probeEveryMs = 50;
export const probesLooked = 20;
const probeDeadlineMs = 30_000;

export type Probe = () => Promise<{ readonly status: number; readonly ms: number }>;

export function createProbe(address: string, secret: string): Probe {
  const post = createPost(address, secret);
  return async () => {
    const sentAt = performance.now();
    const { status, answeredMs } = await post(Buffer.from(writeBody()), randomUUID());
    return { status, ms: answeredMs - sentAt };
  };
}

export async function probeFor(probe: Probe, count: number, signal: AbortSignal): Promise<number[]> {
  const times: number[] = [];
  for (let each = 0; each < count; each += 1) {
    const { status, ms } = await probe();
    if (status !== 202) throw new Error(`a lone delivery was answered ${status}`);
    times.push(ms);
    await wait(probeEveryMs, undefined, { signal });
  }
  return times.sort((a, b) => a - b);
}

// Told by the first of a second's worth of deliveries that all are taken within the limit.
export async function untilHealthy(
  probe: Probe,
  limitMs: number,
  atRest: number,
  signal: AbortSignal,
): Promise<number | undefined> {
  let since: number | undefined;
  let count = 0;
  while (performance.now() - atRest < probeDeadlineMs) {
    const sentAt = performance.now();
    const { status, ms } = await probe();
    if (status !== 202 || ms > limitMs) [since, count] = [undefined, 0];
    else {
      since ??= sentAt;
      count += 1;
      if (count >= probesLooked) return since - atRest;
    }
    await wait(probeEveryMs, undefined, { signal });
  }
  return undefined;
}

export function watchMemory(pid: number) {
  let peakBytes = 0;
  const look = () => {
    peakBytes = Math.max(peakBytes, readMemory(pid)?.residentBytes ?? 0);
  };
  const timer = setInterval(look, 100);
  return {
    stop: () => {
      clearInterval(timer);
      return peakBytes / 2 ** 20;
    },
  };
}

// As a platform would probe it: once a second, with five seconds of patience.
export function watchReadiness(address: string) {
  const lost: string[] = [];
  let slowestMs = 0;
  const look = async () => {
    const sentAt = performance.now();
    const answer = await fetch(new URL('/readyz', address), { signal: AbortSignal.timeout(5_000) }).then(
      async (response) =>
        response.status === 200 ? undefined : `${response.status} ${await response.text()}`,
      (error: unknown) => String(error),
    );
    const ms = performance.now() - sentAt;
    slowestMs = Math.max(slowestMs, ms);
    if (answer !== undefined) lost.push(`after ${ms.toFixed(0)} ms: ${answer}`);
  };
  const timer = setInterval(look, 1_000);
  return {
    stop: () => {
      clearInterval(timer);
      return { lost, slowestMs };
    },
  };
}
