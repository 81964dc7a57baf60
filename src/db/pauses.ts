// What an operator has stopped for now.
import { asc, eq } from 'drizzle-orm';
import { instantOf } from '../events/instant.ts';
import type { Queries } from './connect.ts';
import { type Pausable, pauses } from './schema-operations.ts';

export type PauseRow = typeof pauses.$inferSelect;

export function listPauses(db: Queries): Promise<PauseRow[]> {
  return db.orm((orm) => orm.select().from(pauses).orderBy(asc(pauses.what)));
}

/** Writes a pause down; one that is there stays as it is. */
export async function recordPause(
  db: Queries,
  pause: { readonly what: Pausable; readonly by: string; readonly why: string },
  now: Date,
): Promise<void> {
  await db.orm((orm) =>
    orm
      .insert(pauses)
      .values({ ...pause, since: instantOf(now) })
      .onConflictDoNothing(),
  );
}

export async function dropPause(db: Queries, what: Pausable): Promise<void> {
  await db.orm((orm) => orm.delete(pauses).where(eq(pauses.what, what)));
}
