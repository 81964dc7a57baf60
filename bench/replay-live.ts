// Live deliveries at an even pace, whatever the answers take, and when each can be queried: its session is looked for in
// the database, all that are missing in one statement every few milliseconds, so that looking costs next to nothing. What
// counts is when the row is there to be read, and not the time that it says of itself.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../src/db/connect.ts';
import { connectOnce } from './own-connection.ts';
import { writeBody } from './requests.ts';
import { createPost } from './signed-post.ts';
import type { Stage } from './stage.ts';

/** One live delivery; times on the clock of `performance.now`. */
export interface LiveDelivery {
  readonly sentMs: number;
  /** The answer's status; 0 for a broken connection, undefined while there is none. */
  status: number | undefined;
  acknowledgedMs: number | undefined;
  /** When its session was seen settled. */
  queryableMs: number | undefined;
}

export interface LiveTraffic {
  readonly deliveries: readonly LiveDelivery[];
  /** Sends no more and waits for what is missing; rejects where looking failed. */
  stop(): Promise<void>;
}

const pollMs = 3;
const lastChanceMs = 60_000;

/** Begins at once. */
export function startLive(stage: Stage, rate: number): LiveTraffic {
  const db = connectOnce(stage.databaseUrl);
  const stopping = new AbortController();
  const deliveries: LiveDelivery[] = [];
  const missing = new Map<string, LiveDelivery>();
  const post = createPost(stage.address(), stage.secret);
  const sendOne = async () => {
    const sessionId = `sess_${randomUUID()}`;
    const body = Buffer.from(writeBody(sessionId));
    const delivery: LiveDelivery = {
      sentMs: performance.now(),
      status: undefined,
      acknowledgedMs: undefined,
      queryableMs: undefined,
    };
    deliveries.push(delivery);
    missing.set(sessionId, delivery);
    const { status, answeredMs } = await post(body, `wh_${randomUUID()}`);
    delivery.status = status;
    if (status === 202) delivery.acknowledgedMs = answeredMs;
    else missing.delete(sessionId);
  };
  const sending = send(rate, sendOne, stopping.signal);
  const looking = look(db, missing, stopping.signal);
  for (const part of [sending, looking]) part.catch(() => {}); // told by `stop`
  return {
    deliveries,
    stop: async () => {
      stopping.abort();
      try {
        await Promise.all([sending, looking]);
      } finally {
        await db.close();
      }
    },
  };
}

async function send(rate: number, sendOne: () => Promise<void>, stopping: AbortSignal): Promise<void> {
  const beganMs = performance.now();
  const underWay = new Set<Promise<void>>();
  for (let count = 0; !stopping.aborted; count += 1) {
    const dueMs = beganMs + (count * 1_000) / rate;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await sleep(waitMs, undefined, { signal: stopping }).catch(() => {});
    if (stopping.aborted) break;
    const one = sendOne().finally(() => underWay.delete(one));
    underWay.add(one);
  }
  await Promise.all(underWay);
}

// Goes on after the stop until nothing is missing, or what is will not come.
async function look(db: Database, missing: Map<string, LiveDelivery>, stopping: AbortSignal): Promise<void> {
  let lastMs = Number.POSITIVE_INFINITY;
  while (!stopping.aborted || (missing.size > 0 && performance.now() < lastMs)) {
    if (stopping.aborted) lastMs = Math.min(lastMs, performance.now() + lastChanceMs);
    const beganMs = performance.now();
    if (missing.size > 0) {
      const rows = await db.query<{ sessionId: string }>({
        name: 'look-for-sessions',
        text: `
          select session_id as "sessionId" from sessions
          where session_id = any($1::text[]) and account = 'default' and state = 'settled'`,
        values: [[...missing.keys()]],
      });
      const nowMs = performance.now();
      for (const { sessionId } of rows) {
        const delivery = missing.get(sessionId);
        if (delivery !== undefined) delivery.queryableMs = nowMs;
        missing.delete(sessionId);
      }
    }
    await sleep(Math.max(1, pollMs - (performance.now() - beganMs)));
  }
}
