// Which clock the service goes by: the machine's, held against the time that passes here and the database's clock, or one that
// a caller plays.
import type { Database } from './db/connect.ts';
import { readDatabaseNow } from './db/server-facts.ts';
import { ServiceError } from './errors.ts';
import type { Overrides, Running } from './running.ts';
import { scheduleUntilStop } from './service-stop.ts';
import { createPlayedClock, createSteadyClock, type SteadyClock } from './steady-clock.ts';

export type WatchClock = (running: Running, db: Database) => Promise<void>;

const lookIntervalMs = 5_000;

/** `watch` begins to compare it with the database's; the first time is over when it resolves. */
export function createServiceClock(
  { now, wall = () => new Date(), passedMs }: Overrides,
  log: Running['log'],
): { readonly clock: SteadyClock; readonly watch: WatchClock } {
  let database: Database | undefined;
  const readNow = async () => {
    if (database === undefined) throw new ServiceError('unavailable', 'no database is connected yet');
    return readDatabaseNow(database);
  };
  const clock =
    now === undefined
      ? createSteadyClock({
          wall,
          readDatabaseNow: readNow,
          log,
          ...(passedMs === undefined ? {} : { passedMs }),
        })
      : createPlayedClock(now);
  const watch: WatchClock = async (running, db) => {
    database = db;
    await clock.look();
    scheduleUntilStop(running, 'clock', lookIntervalMs, clock.look);
  };
  return { clock, watch };
}
