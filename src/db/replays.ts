// The replays: what was chosen, how far each is, what came of it. A replay is gone on with by one worker at a time, which
// holds it by a lease; its cursor and its counts move in the transaction of the batch, so that a crash repeats nothing
// that was counted.

import type { DeliveryId } from '../events/event.ts';
import { type Instant, instantOf } from '../events/instant.ts';
import type { Queries, Transaction } from './connect.ts';
import { eq } from './drizzle.ts';
import { hasValues } from './has-values.ts';
import { listPage, type Page } from './order.ts';
import { type ReplayState, replays } from './schema-operations.ts';

export type ReplayRow = typeof replays.$inferSelect;

export interface NewReplay {
  readonly id: string;
  readonly filter: unknown;
  readonly createdBy: string;
  readonly why: string;
  readonly matching: number;
  readonly upTo: DeliveryId | null;
}

export async function recordReplay(tx: Transaction, replay: NewReplay, now: Date): Promise<ReplayRow> {
  const [row] = await tx.orm((orm) =>
    orm
      .insert(replays)
      .values({ ...replay, state: 'running', createdAt: instantOf(now) })
      .returning(),
  );
  if (row === undefined) throw new Error('an inserted replay is always answered');
  return row;
}

export async function findReplay(db: Queries, id: string): Promise<ReplayRow | undefined> {
  const [row] = await db.orm((orm) => orm.select().from(replays).where(eq(replays.id, id)));
  return row;
}

/** A page of the replays in this state, or of all, by the time at which they were begun. */
export function listReplays(db: Queries, state: ReplayState | undefined, page: Page): Promise<ReplayRow[]> {
  return listPage(db, replays, hasValues(replays, { state }), [replays.id], page);
}

/** The replay, held until the transaction ends; undefined for none. */
export async function lockReplay(tx: Transaction, id: string): Promise<ReplayRow | undefined> {
  const [row] = await tx.orm((orm) => orm.select().from(replays).where(eq(replays.id, id)).for('update'));
  return row;
}

/** A replay that a worker holds until `leaseUntil`; who finds another time in the row holds it no more. */
export interface HeldReplay {
  readonly id: string;
  readonly leaseUntil: Instant;
}

/** Takes the oldest running replay that nobody holds, for `leaseMs`. */
export async function takeReplay(
  db: Queries,
  { now, leaseMs }: { readonly now: Date; readonly leaseMs: number },
): Promise<HeldReplay | undefined> {
  const [row] = await db.query<HeldReplay>({
    name: 'take-replay',
    text: `
      update replays set lease_until = $2
      where id = (select id from replays where state = 'running' and (lease_until is null or lease_until < $1
                    -- No lease is so long: it was set by a clock that was ahead.
                    or lease_until > $2::timestamptz + interval '1 minute')
                  order by id limit 1 for update skip locked)
      returning id, lease_until as "leaseUntil"`,
    values: [now.toISOString(), new Date(now.getTime() + leaseMs).toISOString()],
  });
  return row;
}

export interface Progress {
  readonly after: DeliveryId | null;
  readonly replayed: number;
  readonly failed: number;
  readonly changes: Record<string, { created: number; updated: number }>;
  readonly outcomes: Record<string, number>;
  readonly detail: string | null;
  readonly leaseUntil: Instant;
}

/** Moves a replay on; only for who holds it with `lockReplay`. */
export async function moveReplay(tx: Transaction, id: string, progress: Progress): Promise<void> {
  await tx.orm((orm) => orm.update(replays).set(progress).where(eq(replays.id, id)));
}

/** Gives a replay another state; only for who holds it with `lockReplay`. */
export async function changeReplay(
  tx: Transaction,
  id: string,
  state: ReplayState,
  now: Date,
): Promise<ReplayRow> {
  const isOver = state === 'done' || state === 'cancelled';
  const [row] = await tx.orm((orm) =>
    orm
      .update(replays)
      .set({ state, leaseUntil: null, finishedAt: isOver ? instantOf(now) : null })
      .where(eq(replays.id, id))
      .returning(),
  );
  if (row === undefined) throw new Error('a replay that is held is there');
  return row;
}

/** Has the commit of this transaction wait for no disk: a crash may take it back. */
export async function waitForNoDisk(tx: Transaction): Promise<void> {
  await tx.query({ text: 'set local synchronous_commit = off' });
}

/** Lets a replay go, so that the next worker need not wait for the lease; with trouble, not before `until`. */
export async function releaseReplay(
  db: Queries,
  { id, leaseUntil }: HeldReplay,
  trouble?: { readonly detail: string; readonly until: Date },
): Promise<void> {
  await db.query({
    text: `
      update replays set lease_until = $3, detail = coalesce($4, detail)
      where id = $1 and state = 'running' and lease_until = $2`,
    values: [id, leaseUntil, trouble?.until.toISOString() ?? null, trouble?.detail ?? null],
  });
}
