// Retention of the stored bodies: whole days are dropped once they are old. What somebody still needs is never dropped: the
// bytes of a parked delivery move to the default partition in the very transaction that takes their day away, and a day
// with a delivery that is still owed stays. The table is locked for a few milliseconds, is waited for no longer than a
// request would not notice, and nothing here is ever worth a delivery that has to wait.
import { setTimeout as wait } from 'node:timers/promises';
import { backoffMs } from '../backoff.ts';
import type { Database, Queries, Transaction } from './connect.ts';
import { isLockTimeout } from './trouble.ts';

/** A day's partition whose time is over. */
interface OldDay {
  readonly name: string;
  readonly from: string;
  readonly until: string;
}

/** Why a day that is old stays for now. */
export type StayReason = 'owed' | 'many_parked' | 'in_use' | 'replay_running';

export interface DroppedBodies {
  readonly dropped: readonly string[];
  readonly stayed: readonly { readonly name: string; readonly why: StayReason }[];
  /** Bodies of parked deliveries that moved to the default partition. */
  readonly movedCount: number;
  /** Old bodies of the default partition that went one by one. */
  readonly deletedCount: number;
}

/** Parked deliveries of one day whose bodies are moved; a day with more of them stays until they are decided about. */
export const movedMaxCount = 1_000;
// While a lock is waited for, every new statement on the table waits behind it.
const lockWaitMs = 100;
const lockTryCount = 5;
// The lock is let go even where our process freezes in the middle.
const idleInLockMs = 5_000;
const dropWaitMs = 2_000;
const deletedPiece = 1_000;
// Deliveries among which the newest one that iLive signed is looked for.
const newestLookedAt = 10_000;
// What has left the table and waits to be dropped. By this name we know it: a day that somebody else has detached is theirs.
const leavingPrefix = 'delivery_bodies_leaving_';

/**
 * Before when bodies are old: `keepMs` before the earliest of three clocks, which are the database's, ours, and the receipt
 * of the newest delivery that iLive signed, whose time no clock of ours can have moved on. Null where there is none.
 */
export async function findBodiesCutoff(db: Queries, now: Date, keepMs: number): Promise<Date | null> {
  const [row] = await db.query<{ clock: string; newest: string | null }>({
    text: `
      select clock_timestamp() as clock,
             (select max(received_at) from
                (select source, is_proven, received_at from deliveries order by id desc limit ${newestLookedAt}) newest
              where source = 'webhook' and is_proven) as newest`,
  });
  if (row === undefined || row.newest === null) return null;
  const clocks = [now, new Date(row.clock), new Date(row.newest)];
  return new Date(Math.min(...clocks.map((clock) => clock.getTime())) - keepMs);
}

/**
 * Drops the days that lie before `before`, oldest first, and what old bodies the default partition holds; no more than has begun
 * once `isStopping`.
 */
export async function dropOldBodies(
  db: Database,
  before: Date,
  isStopping: () => boolean = () => false,
): Promise<DroppedBodies> {
  await dropLeaving(db);
  const days = await findOldDays(db, before);
  const dropped: string[] = [];
  const stayed: { name: string; why: StayReason }[] = [];
  let movedCount = 0;
  for (const day of days) {
    if (isStopping()) break;
    const outcome = await takeAwayPatiently(db, day);
    if (typeof outcome === 'string') {
      stayed.push({ name: day.name, why: outcome });
      if (outcome === 'in_use' || outcome === 'replay_running') break; // the next day would fare no better
      continue;
    }
    movedCount += outcome.movedCount;
    await dropLeaving(db);
    dropped.push(day.name);
  }
  return { dropped, stayed, movedCount, deletedCount: await deleteStrays(db, before, isStopping) };
}

/** The end of the oldest day that has a partition; null without days. */
export async function findOldestDayEnd(db: Queries): Promise<string | null> {
  const [row] = await db.query<{ until: string | null }>({
    text: `select min(until) as until from (${listDays}) days`,
  });
  return row?.until ?? null;
}

// The bounds as Postgres knows them, whatever a partition is called; the default one has none.
const listDays = `
  select c.relname as name,
         (regexp_match(pg_get_expr(c.relpartbound, c.oid), $re$FROM \\('([^']+)'\\) TO$re$))[1]::timestamptz as "from",
         (regexp_match(pg_get_expr(c.relpartbound, c.oid), $re$TO \\('([^']+)'\\)$re$))[1]::timestamptz as until
  from pg_inherits i join pg_class c on c.oid = i.inhrelid
  where i.inhparent = 'delivery_bodies'::regclass`;

function findOldDays(db: Queries, before: Date): Promise<OldDay[]> {
  return db.query({
    text: `select quote_ident(name) as name, "from", until from (${listDays}) days
           where until <= $1 and "from" is not null order by "from"`,
    values: [before.toISOString()],
  });
}

type TakenAway = { readonly movedCount: number };

async function takeAwayPatiently(db: Database, day: OldDay): Promise<TakenAway | StayReason> {
  for (let attempt = 0; attempt < lockTryCount; attempt += 1) {
    try {
      return await db.transaction((tx) => takeAway(tx, day));
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
      await wait(backoffMs(attempt, { baseMs: 100, maxMs: 2_000 }));
    }
  }
  return 'in_use';
}

// `detach … concurrently` would take a weaker lock, and Postgres refuses it on a table with a default partition.
async function takeAway(tx: Transaction, day: OldDay): Promise<TakenAway | StayReason> {
  await tx.query({
    // A day that was never analyzed would be read from end to end for a few of its rows, and under the lock.
    text: `set local lock_timeout = ${lockWaitMs}; set local idle_in_transaction_session_timeout = ${idleInLockMs};
           set local enable_seqscan = off`,
  });
  const [state] = await tx.query<{ isOurs: boolean; isReplaying: boolean }>({
    text: `select pg_try_advisory_xact_lock(hashtext('delivery_bodies_partitions')) as "isOurs",
                  exists (select from replays where state = 'running') as "isReplaying"`,
  });
  if (!state?.isOurs) return 'in_use';
  if (state.isReplaying) return 'replay_running';
  // From here on nobody adds to this day: a request refused long ago that is admitted now, what an outage store kept.
  await tx.query({ text: `lock table ${day.name} in share mode` });
  const needed = await findNeeded(tx, day);
  if (needed.isOwed) return 'owed';
  if (needed.parked.length > movedMaxCount) return 'many_parked';
  const leaving = leavingPrefix + day.from.slice(0, 10).replaceAll('-', '');
  const ids = needed.parked.map((id) => `'${id}'`).join(', ');
  // One message, so that no round trip is spent while the lock is held.
  await tx.query({
    text: `
      lock table only delivery_bodies in access exclusive mode;
      alter table delivery_bodies detach partition ${day.name};
      alter table ${day.name} rename to ${leaving};
      ${ids === '' ? '' : `insert into delivery_bodies select * from ${leaving} where delivery_id in (${ids});`}`,
  });
  return { movedCount: needed.parked.length };
}

async function findNeeded(
  tx: Transaction,
  { from, until }: OldDay,
): Promise<{ isOwed: boolean; parked: string[] }> {
  const rows = await tx.query<{ id: string; state: string }>({
    text: `
      (select id, state from deliveries where state = 'received' and received_at >= $1 and received_at < $2 limit 1)
      union all
      (select id, state from deliveries where state = 'parked' and received_at >= $1 and received_at < $2
       limit ${movedMaxCount + 1})`,
    values: [from, until],
  });
  return {
    isOwed: rows.some(({ state }) => state === 'received'),
    parked: rows.filter(({ state }) => state === 'parked').map(({ id }) => id),
  };
}

// Nobody reads or writes it any more. Left by a process that died, it is dropped by the next turn.
async function dropLeaving(db: Database): Promise<void> {
  const leaving = await db.query<{ name: string }>({
    text: `select quote_ident(relname) as name from pg_class
           where relname ~ $1 and relkind = 'r' and not relispartition
             and relnamespace = (select relnamespace from pg_class where oid = 'delivery_bodies'::regclass)`,
    values: [`^${leavingPrefix}\\d{8}$`],
  });
  for (const { name } of leaving) {
    const dropping = db.transaction(async (tx) => {
      await tx.query({ text: `set local lock_timeout = ${dropWaitMs}` });
      await tx.query({ text: `drop table if exists ${name}` });
    });
    await dropping.catch((error: unknown) => {
      if (!isLockTimeout(error)) throw error; // a backup reads it: the next turn drops it
    });
  }
}

async function deleteStrays(db: Queries, before: Date, isStopping: () => boolean): Promise<number> {
  let count = 0;
  while (!isStopping()) {
    const deleted = await db.query({
      text: `
        delete from delivery_bodies_default b using (
          select s.delivery_id, s.received_at from delivery_bodies_default s
          join deliveries d on d.id = s.delivery_id
          where s.received_at < $1 and d.state not in ('received', 'parked')
            and not exists (select from replays where state = 'running')
          limit ${deletedPiece}
        ) old
        where b.delivery_id = old.delivery_id and b.received_at = old.received_at
        returning b.delivery_id`,
      values: [before.toISOString()],
    });
    count += deleted.length;
    if (deleted.length < deletedPiece) break;
  }
  return count;
}
