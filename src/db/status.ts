// What an operator looks at first, as few numbers. Each statement is bounded: counts of what may be much stop at a limit,
// so that looking costs the same on a bad day.
import type { Instant } from '../events/instant.ts';
import type { Queries } from './connect.ts';
import { firstIdOf } from './find-deliveries.ts';

/** Stands where a diagnosis holds no finding, until it is made anew. */
const notDiagnosed = 'not diagnosed';

/** Where counts of deliveries and sessions end: of this many there may be more. */
export const countedMax = 100_000;

export interface DeliveryFigures {
  readonly owed: number;
  /** Those of them that have failed, and are tried again; of the oldest that are counted. */
  readonly failing: number;
  /** Of those that have not failed: what has is late for a reason of its own. */
  readonly oldestOwedAt: Instant | null;
  readonly parked: number;
  readonly parkedByReason: Readonly<Record<string, number>>;
}

export async function readDeliveryFigures(db: Queries): Promise<DeliveryFigures> {
  const [[owed], parked] = await Promise.all([
    db.query<{ count: string; failing: string; oldest: Instant | null }>({
      name: 'status-owed',
      text: `
        select count(*), count(*) filter (where attempts > 0) as failing, min(received_at) filter (where attempts = 0) as oldest
        from (
          select received_at, attempts from deliveries where state = 'received' order by id limit ${countedMax}
        ) o`,
    }),
    db.query<{ reason: string | null; count: string }>({
      name: 'status-parked',
      text: `
        select reason, count(*) from (select reason from deliveries where state = 'parked' limit ${countedMax}) p
        group by 1 order by 2 desc`,
    }),
  ]);
  return {
    owed: Number(owed?.count ?? 0),
    failing: Number(owed?.failing ?? 0),
    oldestOwedAt: owed?.oldest ?? null,
    parked: parked.reduce((sum, { count }) => sum + Number(count), 0),
    parkedByReason: Object.fromEntries(
      parked.map(({ reason, count }) => [reason ?? 'unknown', Number(count)]),
    ),
  };
}

export interface RefusalFigures {
  readonly refused: number;
  readonly recent: number;
  readonly byReason: Readonly<Record<string, number>>;
  readonly newestAt: Instant | null;
  readonly kept: number;
  readonly storedBytes: number;
  readonly diagnoses: readonly { readonly finding: string; readonly count: number }[];
  readonly undiagnosed: number;
  /** Those still refused by what there is to do about them, as the diagnosis names it; the most first. */
  readonly remedies: readonly RefusalRemedy[];
}

export interface RefusalRemedy {
  readonly remedy: string;
  readonly count: number;
  /** The commonest of their findings, with the clock's offset that goes with it; null where there is none. */
  readonly finding: string;
  readonly offsetSeconds: number | null;
  /** How many have that finding and that offset. */
  readonly alike: number;
  /** For what most of those were refused. */
  readonly reason: string;
}

/** Those still refused; `recent` are those received since. */
export async function readRefusalFigures(db: Queries, recentSince: Date): Promise<RefusalFigures> {
  const [[kept], reasons, diagnoses, remedies] = await Promise.all([
    db.query<{ count: string; bytes: string | null }>({
      name: 'status-refusals-kept',
      text: `select count(*), sum(stored_bytes) as bytes from refusals`,
    }),
    db.query<{ reason: string; count: string; recent: string; newest: Instant }>({
      name: 'status-refusals',
      text: `
        select reason, count(*), count(*) filter (where last_received_at >= $1) as recent, max(last_received_at) as newest
        from refusals where delivery_id is null group by 1 order by 2 desc`,
      values: [recentSince.toISOString()],
    }),
    db.query<{ finding: string; count: string }>({
      name: 'status-diagnoses',
      text: `
        select coalesce(diagnosis -> 'findings' ->> 0, '${notDiagnosed}') as finding, count(*) from refusals
        where delivery_id is null and diagnosis is not null group by 1 order by 2 desc limit 10`,
    }),
    db.query<Omit<RefusalRemedy, 'count' | 'alike'> & { count: string; alike: string }>({
      name: 'status-remedies',
      // The sentence, the offset, the reason and the number of what is alike come from the same ones.
      text: `
        with alike as (
          select coalesce(diagnosis ->> 'remedy', 'none') as remedy,
                 coalesce(diagnosis -> 'findings' ->> 0, '${notDiagnosed}') as finding,
                 (diagnosis ->> 'offsetSeconds')::double precision as "offsetSeconds", count(*) as alike,
                 mode() within group (order by reason) as reason
          from refusals where delivery_id is null and diagnosis is not null group by 1, 2, 3
        ), commonest as (
          select distinct on (remedy) *, sum(alike) over (partition by remedy) as count
          from alike order by remedy, alike desc, finding
        )
        select * from commonest order by count desc`,
    }),
  ]);
  const newest = reasons.map((row) => row.newest).sort();
  const refused = reasons.reduce((sum, { count }) => sum + Number(count), 0);
  const diagnosed = remedies.reduce((sum, { count }) => sum + Number(count), 0);
  return {
    refused,
    recent: reasons.reduce((sum, { recent }) => sum + Number(recent), 0),
    byReason: Object.fromEntries(reasons.map(({ reason, count }) => [reason, Number(count)])),
    newestAt: newest.at(-1) ?? null,
    kept: Number(kept?.count ?? 0),
    storedBytes: Number(kept?.bytes ?? 0),
    diagnoses: diagnoses.map(({ finding, count }) => ({ finding, count: Number(count) })),
    // The two counts are of two looks, between which one more may have been diagnosed.
    undiagnosed: Math.max(0, refused - diagnosed),
    remedies: remedies.map((each) => ({ ...each, count: Number(each.count), alike: Number(each.alike) })),
  };
}

/** How many signed deliveries were received since, counted up to `limit`. */
export async function countProven(db: Queries, since: Date, limit: number): Promise<number> {
  const [row] = await db.query<{ count: string }>({
    name: 'status-proven',
    text: `
      select count(*) from (
        select 1 from deliveries where id >= $1 and source = 'webhook' and is_proven limit $2
      ) p`,
    values: [firstIdOf(since.getTime()), limit],
  });
  return Number(row?.count ?? 0);
}

export interface SessionFigures {
  readonly open: number;
  /** Open ones that end within the time asked for. */
  readonly nearDeadline: number;
  readonly nextDeadlineAt: Instant | null;
  /** Open ones that ended longer ago than the grace asked for. */
  readonly overdue: number;
  /** Those that became so in the last day, of those expected within `endedExpectedMs`. */
  readonly disputedLastDay: number;
  readonly unrecoverableLastDay: number;
}

const dayMs = 24 * 60 * 60 * 1000;
// A session ends up to a day after its time, or later where no worker ran. One that was expected longer ago than this is not
// looked at, so that the look does not grow with the table.
const endedExpectedMs = 14 * dayMs;

const before = (now: Date, ms: number) => new Date(now.getTime() - ms).toISOString();

export async function readSessionFigures(
  db: Queries,
  now: Date,
  { nearMs, graceMs }: { readonly nearMs: number; readonly graceMs: number },
): Promise<SessionFigures> {
  const [row] = await db.query<Record<string, string | null> & { nextDeadlineAt: Instant | null }>({
    name: 'status-sessions',
    text: `
      with open as (select expires_at from sessions where state = 'expected' limit ${countedMax}),
           ended as (select state from sessions where expected_at >= $5 and state in ('disputed', 'unrecoverable')
                     and case state when 'disputed' then settled_at else ended_at end >= $4 limit ${countedMax})
      select (select count(*) from open) as open,
             (select count(*) from open where expires_at between $1 and $2) as near,
             (select min(expires_at) from open where expires_at >= $1) as "nextDeadlineAt",
             (select count(*) from open where expires_at < $3) as overdue,
             (select count(*) from ended where state = 'disputed') as disputed,
             (select count(*) from ended where state = 'unrecoverable') as unrecoverable`,
    values: [
      before(now, 0),
      before(now, -nearMs),
      before(now, graceMs),
      before(now, dayMs),
      before(now, endedExpectedMs),
    ],
  });
  return {
    open: Number(row?.open ?? 0),
    nearDeadline: Number(row?.near ?? 0),
    nextDeadlineAt: row?.nextDeadlineAt ?? null,
    overdue: Number(row?.overdue ?? 0),
    disputedLastDay: Number(row?.disputed ?? 0),
    unrecoverableLastDay: Number(row?.unrecoverable ?? 0),
  };
}

/** How many a pull settled in the last day, and how many ended as never finished: each counted up to `limit`. */
export async function countEndedByAsking(db: Queries, now: Date, limit: number): Promise<number> {
  const [row] = await db.query<{ count: string }>({
    name: 'status-ended-by-asking',
    text: `
      select (select count(*) from (select 1 from sessions where settled_source = 'pull' and settled_at >= $1 limit $3) p)
           + (select count(*) from (select 1 from sessions where state = 'expired' and expected_at >= $2 and ended_at >= $1
                                    limit $3) e) as count`,
    values: [before(now, dayMs), before(now, endedExpectedMs), limit],
  });
  return Number(row?.count ?? 0);
}

export interface ServerFigures {
  readonly version: string;
  readonly sizeBytes: number;
  readonly connections: number;
  readonly maxConnections: number;
  readonly clock: Instant;
}

export async function readServerFigures(db: Queries): Promise<ServerFigures> {
  const [row] = await db.query<{ version: string; size: string; used: string; max: string; clock: Instant }>({
    name: 'status-server',
    text: `
      select current_setting('server_version') as version, pg_database_size(current_database()) as size,
             (select count(*) from pg_stat_activity where backend_type = 'client backend') as used,
             current_setting('max_connections') as max, clock_timestamp() as clock`,
  });
  if (row === undefined) throw new Error('the database always answers this with a row');
  return {
    version: row.version.split(' ')[0] ?? row.version,
    sizeBytes: Number(row.size),
    connections: Number(row.used),
    maxConnections: Number(row.max),
    clock: row.clock,
  };
}

export async function countReplays(
  db: Queries,
): Promise<{ readonly running: number; readonly paused: number }> {
  const rows = await db.query<{ state: string; count: string }>({
    name: 'status-replays',
    text: `select state, count(*) from replays where state in ('running', 'paused') group by 1`,
  });
  const of = (state: string) => Number(rows.find((row) => row.state === state)?.count ?? 0);
  return { running: of('running'), paused: of('paused') };
}
