// Autocannon as the loads use it: connections that stay open, each sending its next request as soon as the last one is
// answered, and what came back, counted from a moment on. It belongs into a process of its own: it would share the
// processor with whatever else its process does.
import { once } from 'node:events';
import autocannon from 'autocannon';
import type { Requests } from './requests.ts';
import { quantilesOf } from './statistics.ts';

export interface LoadResult {
  readonly seconds: number;
  readonly acknowledgedCount: number;
  /** Answers other than 202, by status. */
  readonly otherStatuses: Readonly<Record<string, number>>;
  /** Broken connections and time-outs. */
  readonly errorCount: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly bodyBytes: number;
  /** Requests that were signed during the measurement; above zero the load held itself back. */
  readonly lateCount: number;
}

export interface CannonOptions {
  readonly connections: number;
  /** In seconds, where it is not stopped before. */
  readonly duration?: number;
  /** Requests in all, after which it ends by itself. */
  readonly amount?: number;
  /** Called once a connection; what it gives is called for every request of that connection. */
  readonly requestsOf: (connection: autocannon.Client) => () => Buffer;
}

export type Cannon = autocannon.Instance & {
  /**
   * Sends nothing more, and resolves once all that is under way is answered or broken. autocannon's own `stop` goes on
   * sending until its next tick, up to a second later, and then leaves without what is under way.
   */
  finish(): Promise<void>;
};

export function startCannon(url: URL, { requestsOf, ...options }: CannonOptions): Cannon {
  const connections: autocannon.Client[] = [];
  const instance = autocannon(
    {
      url: url.href,
      method: 'POST',
      ...options,
      // autocannon's own way to vary a request builds it anew each time, at several times the cost of sending it.
      setupClient: (client) => {
        Object.assign(client, { getRequestBuffer: requestsOf(client) });
        connections.push(client);
      },
    },
    () => {},
  );
  const finish = async () => {
    const ended = connections.map((connection) => once(connection, 'done'));
    // The most requests that it is to make, which it has made: what it asks for before the next one.
    for (const connection of connections) Object.assign(connection, { responseMax: 1 });
    await Promise.all(ended);
    instance.stop();
  };
  return Object.assign(instance, { finish });
}

/** What was seen between `begin` and `end`. */
export interface Answers {
  readonly seconds: number;
  /** Of the wanted answers, in no order. */
  readonly latenciesMs: readonly number[];
  readonly otherStatuses: Readonly<Record<string, number>>;
  readonly errorCount: number;
}

/** Counts answers; only `wantedStatus` is a good one. */
export function tallyAnswers(instance: autocannon.Instance, wantedStatus: number) {
  const latenciesMs: number[] = [];
  const otherStatuses: Record<string, number> = {};
  let errorCount = 0;
  let isCounting = false;
  let begunAt = 0;
  let stoppedAt: number | undefined;
  instance.on('response', (_client, status, _bytes, latencyMs) => {
    if (!isCounting) return;
    if (status === wantedStatus) {
      if (stoppedAt === undefined) latenciesMs.push(latencyMs);
    } else otherStatuses[status] = (otherStatuses[status] ?? 0) + 1;
  });
  instance.on('reqError', () => {
    if (isCounting) errorCount += 1;
  });
  return {
    begin: () => {
      isCounting = true;
      begunAt = performance.now();
    },
    /** From here on only what is not wanted counts. */
    stopClock: () => {
      stoppedAt = performance.now();
    },
    end: (): Answers => {
      isCounting = false;
      const seconds = ((stoppedAt ?? performance.now()) - begunAt) / 1000;
      return { seconds, latenciesMs, otherStatuses, errorCount };
    },
  };
}

/**
 * Resolves once `amount` requests are answered or broken: a request that broke is sent no second time. autocannon itself
 * notices its end late.
 */
export function untilAnswered(instance: autocannon.Instance, amount: number): Promise<void> {
  return new Promise((resolve) => {
    let answeredCount = 0;
    const onAnswer = () => {
      answeredCount += 1;
      if (answeredCount >= amount) resolve();
    };
    instance.on('response', onAnswer);
    instance.on('reqError', onAnswer);
  });
}

/** The result of a load of signed deliveries. */
export function resultOf(answers: Answers, requests: Requests): LoadResult {
  const { latenciesMs, ...rest } = answers;
  const { p50, p99 } = quantilesOf(latenciesMs) ?? { p50: 0, p99: 0 };
  return {
    ...rest,
    acknowledgedCount: latenciesMs.length,
    p50Ms: p50,
    p99Ms: p99,
    bodyBytes: requests.bodyBytes,
    lateCount: requests.lateCount(),
  };
}
