// An open loop, as a process of its own: deliveries arrive so many a second, at random moments or evenly, whatever the
// answers take. Every time is counted from the moment at which a delivery was due, so that a contender that holds the loop
// up cannot hide it. When a delivery can be queried is looked for in the database, all that are missing in one statement
// every few milliseconds; a figure may be up to that much too high.
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../src/db/connect.ts';
import { createSigner, type Dialect, type SignedDelivery } from './deliveries-to-send.ts';
import { connectOnce } from './own-connection.ts';
import { nowMs } from './wall-clock.ts';

export interface ArrivalsJob {
  readonly url: string;
  readonly secret: string;
  readonly dialect: Dialect;
  readonly perSecond: number;
  readonly pace: 'random' | 'even';
  readonly databaseUrl: string;
  /** Gives as `name` those of the names `$1` that can be queried. */
  readonly findNames: string;
}

export interface Arrival {
  /** What its delivery can be found by. */
  readonly name: string;
  /** On the wall's clock, in milliseconds. */
  readonly dueAtMs: number;
  /** The answer's status; 0 for a broken connection. */
  status: number | undefined;
  acknowledgedMs: number | undefined;
  /** Undefined for one that was never seen. */
  queryableMs: number | undefined;
}

export type ArrivalsMessage = {
  readonly about: 'ended';
  readonly arrivals: readonly Arrival[];
};

const lookEveryMs = 3;
const lastChanceMs = 30_000;
const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });

async function runArrivals(job: ArrivalsJob, stopping: AbortSignal): Promise<Arrival[]> {
  const db = connectOnce(job.databaseUrl);
  const missing = new Map<string, Arrival>();
  const [arrivals] = await Promise.all([send(job, missing, stopping), look(db, job, missing, stopping)]);
  await db.close();
  agent.destroy();
  return arrivals;
}

async function send(
  { url, secret, dialect, perSecond, pace }: ArrivalsJob,
  missing: Map<string, Arrival>,
  stopping: AbortSignal,
): Promise<Arrival[]> {
  const signDelivery = createSigner(dialect, secret);
  const arrivals: Arrival[] = [];
  const underWay = new Set<Promise<void>>();
  let dueAtMs = nowMs();
  while (!stopping.aborted) {
    // Nobody plans when a webhook comes: the gaps of independent arrivals are exponential.
    const gap = pace === 'even' ? 1 : -Math.log(1 - Math.random());
    dueAtMs += (gap * 1_000) / perSecond;
    const waitMs = dueAtMs - nowMs();
    if (waitMs > 0) await sleep(waitMs, undefined, { signal: stopping }).catch(() => {});
    if (stopping.aborted) break;
    const delivery = signDelivery();
    const arrival: Arrival = {
      name: delivery.name,
      dueAtMs,
      status: undefined,
      acknowledgedMs: undefined,
      queryableMs: undefined,
    };
    arrivals.push(arrival);
    missing.set(delivery.name, arrival);
    const sending = post(url, delivery)
      .then((status) => {
        arrival.status = status;
        arrival.acknowledgedMs = nowMs() - arrival.dueAtMs;
        if (status !== 202) missing.delete(delivery.name);
      })
      .finally(() => underWay.delete(sending));
    underWay.add(sending);
  }
  await Promise.all(underWay);
  return arrivals;
}

// Goes on after the stop until nothing is missing, or what is will not come.
async function look(
  db: Database,
  { findNames }: ArrivalsJob,
  missing: Map<string, Arrival>,
  stopping: AbortSignal,
): Promise<void> {
  let lastMs = Number.POSITIVE_INFINITY;
  while (!stopping.aborted || (missing.size > 0 && nowMs() < lastMs)) {
    if (stopping.aborted) lastMs = Math.min(lastMs, nowMs() + lastChanceMs);
    const beganMs = nowMs();
    if (missing.size > 0) {
      const values = [[...missing.keys()]];
      const rows = await db.query<{ name: string }>({ name: 'look', text: findNames, values });
      for (const { name } of rows) {
        const arrival = missing.get(name);
        if (arrival !== undefined) arrival.queryableMs = nowMs() - arrival.dueAtMs;
        missing.delete(name);
      }
    }
    await sleep(Math.max(1, lookEveryMs - (nowMs() - beganMs)));
  }
}

function post(url: string, { headers, body }: SignedDelivery): Promise<number> {
  return new Promise((resolve) => {
    const request = http.request(url, {
      method: 'POST',
      agent,
      headers: { 'content-type': 'application/json', 'content-length': body.length, ...headers },
    });
    request.on('response', (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
      response.on('error', () => resolve(0));
    });
    request.on('error', () => resolve(0));
    request.end(body);
  });
}

process.once('message', (job: ArrivalsJob) => {
  const stopping = new AbortController();
  process.once('message', () => stopping.abort());
  runArrivals(job, stopping.signal).then(
    (arrivals) =>
      process.send?.({ about: 'ended', arrivals } satisfies ArrivalsMessage, () => process.disconnect()),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.once('disconnect', () => process.exit());
