// Days of bodies dropped while deliveries arrive: how long each takes, and whether those that arrive meanwhile notice. A day
// is dropped by the service's own retention.
import type { Database } from '../src/db/connect.ts';
import { dropOldBodies } from '../src/db/drop-bodies.ts';
import type { GrowthOptions } from './growth-options.ts';
import type { Contender } from './line-up.ts';
import { beside, countKept, type Outcome } from './scenario.ts';
import {
  arriveAt,
  atEaseWarmUpSeconds,
  between,
  figuresOf,
  findTroubles,
  pause,
} from './scenario-arrivals.ts';
import type { Place } from './stores.ts';
import { nowMs } from './wall-clock.ts';

const droppedDays = 5;
/** Around a drop: those that were due until then may have waited for it. */
const restSeconds = 1;
const dayMs = 24 * 60 * 60 * 1000;

export async function dropDays(contender: Contender, place: Place, options: GrowthOptions): Promise<Outcome> {
  return beside(contender.start('whole', place), async (playing) => {
    const kept = await countKept(contender, place, 'whole');
    const arrivals = arriveAt(contender, place, playing, options.perSecond);
    await pause(Math.max(options.warmUpSeconds, atEaseWarmUpSeconds), place);
    const quietFromMs = nowMs();
    await pause(options.seconds, place);
    const quietToMs = nowMs();
    const dropMs: number[] = [];
    for (const before of await findOldestDays(place.db)) {
      const beganMs = performance.now();
      await dropDaysBefore(place.db, before);
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
      troubles: await findTroubles(contender, place, all, kept),
    };
  });
}

/** The ends of the oldest days. */
async function findOldestDays(db: Database): Promise<Date[]> {
  const rows = await db.query<{ day: string }>({
    text: `select right(relname, 8) as day from pg_inherits join pg_class on pg_class.oid = inhrelid
           where inhparent = 'delivery_bodies'::regclass and relname ~ '_[0-9]{8}$' order by relname limit $1`,
    values: [droppedDays],
  });
  return rows.map(({ day }) => new Date(Date.parse(day.replace(/(....)(..)(..)/, '$1-$2-$3')) + dayMs));
}

async function dropDaysBefore(db: Database, before: Date): Promise<void> {
  const { dropped, stayed } = await dropOldBodies(db, before);
  if (dropped.length === 0) throw new Error(`no day was dropped: ${JSON.stringify(stayed)}`);
}
