// The change feed: what has changed, once each, in an order that skips nothing. The order is that of the transactions' ids,
// and a reader is shown only what lies below the oldest transaction that still runs: whatever that one may yet commit comes
// behind everything that was shown. Triggers write the rows; see the migration that makes them.
import type { SessionId } from '../events/event.ts';
import type { Instant } from '../events/instant.ts';
import type { Queries } from './connect.ts';
import type { ChangeType } from './schema-changes.ts';

/** A place in the feed; the feed goes on behind it. */
export interface FeedPosition {
  readonly generation: number;
  /** A transaction's id, as the text of a number. */
  readonly xid: string;
  readonly seq: number;
}

/** Negative where `a` comes before `b`. */
export function comparePositions(a: FeedPosition, b: FeedPosition): number {
  return (
    a.generation - b.generation ||
    a.xid.length - b.xid.length ||
    (a.xid < b.xid ? -1 : a.xid > b.xid ? 1 : a.seq - b.seq)
  );
}

export interface Change extends FeedPosition {
  readonly type: ChangeType;
  readonly at: Instant;
  readonly account: string;
  readonly sessionId: SessionId | null;
  readonly referenceId: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface FeedStretch {
  readonly changes: readonly Change[];
  /** True where changes are committed that a transaction which still runs holds back: look again soon. */
  readonly isHeldBack: boolean;
}

const isShown = `(c.generation < f.generation or c.xid < pg_snapshot_xmin(pg_current_snapshot()))`;

/** The next `limit` changes behind `after`, whatever their type. */
export async function readChanges(db: Queries, after: FeedPosition, limit: number): Promise<FeedStretch> {
  const rows = await db.query<Change & { isShown: boolean }>({
    name: 'read-changes',
    // One more than asked for would not tell what is held back: it lies behind everything that is shown.
    text: `
      (select c.generation, c.xid::text, c.seq::float8, c.type, c.at, c.account, c.session_id as "sessionId",
              c.reference_id as "referenceId", c.data, true as "isShown"
       from changes c cross join change_feed f
       where (c.generation, c.xid, c.seq) > ($1, $2::xid8, $3) and ${isShown}
       order by c.generation, c.xid, c.seq limit $4)
      union all
      (select c.generation, c.xid::text, c.seq::float8, c.type, c.at, c.account, null, null, '{}', false
       from changes c cross join change_feed f
       where c.generation = f.generation and c.xid >= pg_snapshot_xmin(pg_current_snapshot())
       limit 1)`,
    values: [after.generation, after.xid, after.seq, limit],
  });
  return {
    changes: rows.filter((row) => row.isShown),
    isHeldBack: rows.some((row) => !row.isShown),
  };
}

/** The last change that is shown; where the feed is empty, the place before its first. */
export async function findFeedEnd(db: Queries): Promise<FeedPosition> {
  const [row] = await db.query<FeedPosition>({
    name: 'find-feed-end',
    text: `
      select c.generation, c.xid::text, c.seq::float8
      from changes c cross join change_feed f
      where ${isShown}
      order by c.generation desc, c.xid desc, c.seq desc limit 1`,
  });
  return row ?? (await readFeedBounds(db)).droppedThrough;
}

export interface FeedBounds {
  /** Everything up to and with this place has been dropped. */
  readonly droppedThrough: FeedPosition;
  readonly generation: number;
  /** No transaction has had this id yet. */
  readonly nextXid: string;
}

export async function readFeedBounds(db: Queries): Promise<FeedBounds> {
  const [row] = await db.query<FeedBounds & { xid: string; seq: number; dropped: number }>({
    name: 'read-feed-bounds',
    text: `
      select generation, pg_snapshot_xmax(pg_current_snapshot())::text as "nextXid", dropped_generation as dropped,
             dropped_xid::text as xid, dropped_seq::float8 as seq
      from change_feed where id = 1`,
  });
  if (row === undefined) throw new Error('the row of change_feed is gone');
  const { generation, nextXid, dropped, xid, seq } = row;
  return { generation, nextXid, droppedThrough: { generation: dropped, xid, seq } };
}

/** How long the oldest change that a running transaction holds back has been held back; 0 for none. */
export async function readHeldBackSeconds(db: Queries): Promise<number> {
  const [row] = await db.query<{ seconds: number | null }>({
    name: 'read-held-back',
    text: `
      select extract(epoch from clock_timestamp() - min(c.at))::float8 as seconds
      from changes c join change_feed f on f.generation = c.generation
      where c.xid >= pg_snapshot_xmin(pg_current_snapshot())`,
  });
  return row?.seconds ?? 0;
}

/** Drops at most `limit` of the oldest changes from before `before`, and notes up to where; answers how many. */
export async function dropOldChanges(db: Queries, before: Date, limit: number): Promise<number> {
  const [row] = await db.query<{ count: string }>({
    text: `
      with old as (
        select generation, xid, seq, at from changes order by generation, xid, seq limit $2
      ), dropped as (
        delete from changes c using old
        where c.generation = old.generation and c.xid = old.xid and c.seq = old.seq and old.at < $1
        returning c.generation, c.xid, c.seq
      ), last as (
        select * from dropped order by generation desc, xid desc, seq desc limit 1
      ), noted as (
        update change_feed f set dropped_generation = last.generation, dropped_xid = last.xid, dropped_seq = last.seq
        from last where (last.generation, last.xid, last.seq) > (f.dropped_generation, f.dropped_xid, f.dropped_seq)
      )
      select count(*) from dropped`,
    values: [before.toISOString(), limit],
  });
  return Number(row?.count ?? 0);
}

/**
 * Begins a new generation where this database has, or has dropped, changes of transactions that it has not had yet: it was
 * restored from a dump, and counts its transactions anew. Answers whether it did.
 */
export async function renewGeneration(db: Queries): Promise<boolean> {
  const rows = await db.query({
    text: `
      update change_feed f set generation = f.generation + 1
      where (f.dropped_generation = f.generation and f.dropped_xid >= pg_snapshot_xmax(pg_current_snapshot()))
         or exists (select from changes c
                    where c.generation = f.generation and c.xid >= pg_snapshot_xmax(pg_current_snapshot()))
      returning f.generation`,
  });
  return rows.length > 0;
}
