// Holds the clock back whenever the machine is behind it, as two signs in the database show: deliveries that wait to be
// processed, and sessions that wait to be asked about although the budget would allow the call. A service at the wall's
// own pace shows neither for longer than moments.
import { setTimeout as wait } from 'node:timers/promises';
import type { Queries } from '../src/db/connect.ts';
import { connectOnce } from './own-connection.ts';
import type { HeldClock } from './silence-clock.ts';

export interface Governor {
  stop(): Promise<void>;
}

const pauseMs = 25;
const behindSeconds = 1;
const calmSeconds = 0.5;
// Not nought: what only the sweep brings back needs time that passes.
const leastShare = 0.03;
// A turn of pulling begins up to a simulated second after a session has come due.
const turnSeconds = 2;
// While sessions wait, calls are spent most of a second ahead (the burst, at the Standard tier's pace); where they are
// not, it is the machine that is too slow to make them.
const aheadSeconds = 1.3;

export function startGovernor(databaseUrl: string, clock: HeldClock): Governor {
  const db = connectOnce(databaseUrl);
  const stopping = new AbortController();
  const govern = async () => {
    let share = 1;
    while (!stopping.signal.aborted) {
      const lag = await readLagSeconds(db, new Date(clock.now()));
      if (lag > behindSeconds) share = Math.max(leastShare, share / 2);
      else if (lag < calmSeconds) share = Math.min(1, share * 1.2);
      clock.hold(share);
      await wait(pauseMs);
    }
  };
  const governing = govern().catch((error: unknown) => console.error('the clock is held no more:', error));
  return {
    stop: async () => {
      stopping.abort();
      await governing;
      await db.close();
    },
  };
}

/** How far the service is behind, in simulated seconds. */
async function readLagSeconds(db: Queries, now: Date): Promise<number> {
  const [row] = await db.query<{ owedSeconds: number; idleSeconds: number }>({
    name: 'read-lag',
    text: `
      select coalesce((select extract(epoch from $1::timestamptz - min(received_at)) from deliveries
                       where state = 'received'), 0)::float8 as "owedSeconds",
             coalesce((select extract(epoch from $1::timestamptz - spent_until) + $3::float8 from rate_budgets
                       where blocked_until < $1 and exists (
                         select from sessions
                         where next_pull_at < $1::timestamptz - $2::float8 * interval '1 second'
                           and pull_lease_until is null)), 0)::float8 as "idleSeconds"`,
    values: [now.toISOString(), turnSeconds, aheadSeconds],
  });
  return Math.max(row?.owedSeconds ?? 0, row?.idleSeconds ?? 0);
}
