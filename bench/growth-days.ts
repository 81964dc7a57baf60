// Days of bodies dropped while deliveries arrive: how long each takes, and whether those that arrive meanwhile notice. A day
// is dropped as retention would: in one statement, behind a limit on how long it may wait for its lock.
import type { Database } from '../src/db/connect.ts';
import type { Contender } from './line-up.ts';
import { beside, type Outcome, type ScenarioOptions } from './scenario.ts';
import {
  atEaseWarmUpSeconds,
  between,
  figuresOf,
  findTroubles,
  pause,
  startArrivals,
} from './scenario-arrivals.ts';
import type { Place } from './stores.ts';

const droppedDays = 5;
/** Around a drop: those that were due until then may have waited for it. */
const restSeconds = 1;
const lockTimeout = '2s';

export async function dropDays(
  contender: Contender,
  place: Place,
  options: ScenarioOptions,
): Promise<Outcome> {
  return beside(contender.start('whole', place), async (playing) => {
    const storedBefore = (await contender.countStored?.(place, 'whole')) ?? 0;
    const arrivals = startArrivals(contender, { place, playing, options });
    await pause(Math.max(options.warmUpSeconds, atEaseWarmUpSeconds), place);
    const quietFromMs = nowMs();
    await pause(options.seconds, place);
    const quietToMs = nowMs();
    const dropMs: number[] = [];
    for (const name of await findOldestDays(place.db)) {
      const beganMs = performance.now();
      await dropDay(place.db, name);
      dropMs.push(performance.now() - beganMs);
      await pause(restSeconds, place);
    }
    const toMs = nowMs();
    const all = await arrivals.stop();
    const quiet = between(all, quietFromMs, quietToMs);
    const besides = between(all, quietToMs, toMs);
    return {
      figures: {
        droppedDays: dropMs.length,
        longestDropMs: Math.max(0, ...dropMs),
        ...figuresOf(quiet, 'quiet', ({ queryableMs }) => queryableMs),
        ...figuresOf(besides, 'besides', ({ queryableMs }) => queryableMs),
      },
      troubles: await findTroubles(contender, place, all, storedBefore),
    };
  });
}

async function findOldestDays(db: Database): Promise<string[]> {
  const rows = await db.query<{ name: string }>({
    text: `select relname as name from pg_inherits join pg_class on pg_class.oid = inhrelid
           where inhparent = 'delivery_bodies'::regclass and relname ~ '_[0-9]{8}$' order by relname limit $1`,
    values: [droppedDays],
  });
  return rows.map(({ name }) => name);
}

async function dropDay(db: Database, name: string): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.query({ text: `set local lock_timeout = '${lockTimeout}'` });
    await tx.query({ text: `drop table ${name}` });
  });
}

function nowMs(): number {
  return performance.timeOrigin + performance.now();
}
