// What an operator has stopped for now.

import { instantOf } from '../events/instant.ts';
import type { Queries } from './connect.ts';
import { asc, eq } from './drizzle.ts';
import { type Pausable, pauses } from './schema-operations.ts';

export type PauseRow = typeof pauses.$inferSelect;

export function listPauses(db: Queries): Promise<PauseRow[]> {
  return db.orm((orm) => orm.select().from(pauses).orderBy(asc(pauses.what)));
}

/** Writes a pause down; one that is there stays as it is. Answers whether it is new. */
export async function recordPause(
  db: Queries,
  pause: { readonly what: Pausable; readonly by: string; readonly why: string },
  now: Date,
): Promise<boolean> {
  const rows = await db.orm((orm) =>
    orm
      .insert(pauses)
      .values({ ...pause, since: instantOf(now) })
      .onConflictDoNothing()
      .returning(),
  );
  return rows.length > 0;
}

/** Takes a pause away; answers whether there was one. */
export async function dropPause(db: Queries, what: Pausable): Promise<boolean> {
  const rows = await db.orm((orm) => orm.delete(pauses).where(eq(pauses.what, what)).returning());
  return rows.length > 0;
}
