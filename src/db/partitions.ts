// The days of `delivery_bodies`. Each day has a partition of its own, made ahead of time, so that retention can drop a
// whole day at once. Where none was made in time the default partition takes the rows: late upkeep costs tidiness only.
import type { Database, Queries } from './connect.ts';
import { isLockTimeout } from './trouble.ts';

const dayMs = 24 * 60 * 60 * 1000;
// Written once and never again: frozen on autovacuum's first visit. No partition inherits this from its parent.
const frozenEarly = 'autovacuum_freeze_min_age = 0, toast.autovacuum_freeze_min_age = 0';
// Attaching locks the default partition, which every reader passes; while it waits for that, they wait behind it.
const lockWaitMs = 200;

/** Makes the partitions from `now`'s day (UTC) to `daysAhead` days later; answers the names of those that were new. */
export async function createBodyPartitions(db: Database, now: Date, daysAhead: number): Promise<string[]> {
  const present = await listPartitions(db);
  const created: string[] = [];
  for (let ahead = 0; ahead <= daysAhead; ahead += 1) {
    const day = new Date(now.getTime() + ahead * dayMs);
    const name = partitionOf(day);
    if (present.has(name)) continue;
    const nextDay = new Date(day.getTime() + dayMs);
    if (await createUnlessInUse(db, name, isoDay(day), isoDay(nextDay))) created.push(name);
  }
  return created;
}

/** How many days from `now`'s on have a partition, up to the first that has none: its bodies go into the default one. */
export async function countDaysAhead(db: Queries, now: Date): Promise<number> {
  const present = await listPartitions(db);
  let days = 0;
  while (present.has(partitionOf(new Date(now.getTime() + days * dayMs)))) days += 1;
  return days;
}

async function listPartitions(db: Queries): Promise<ReadonlySet<string>> {
  const rows = await db.query<{ name: string }>({
    text: `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'delivery_bodies'::regclass`,
  });
  return new Set(rows.map((row) => row.name));
}

/** The name of the partition for the day (UTC) of this time. */
export function partitionOf(at: Date): string {
  return `delivery_bodies_${isoDay(at).replaceAll('-', '')}`;
}

// One that could not be made now is made by a later turn: days are made long before they come.
async function createUnlessInUse(db: Database, name: string, day: string, nextDay: string): Promise<boolean> {
  return createDay(db, name, day, nextDay).catch((error: unknown) => {
    if (isLockTimeout(error)) return false;
    throw error;
  });
}

// Making the table apart and attaching it takes weaker locks on the parent than CREATE … PARTITION OF: inserts go on.
// The names are made of digits, so they need no quoting.
async function createDay(db: Database, name: string, day: string, nextDay: string): Promise<boolean> {
  return db.transaction(async (tx) => {
    await tx.query({ text: `set local lock_timeout = ${lockWaitMs}` });
    const [held] = await tx.query<{ isHeld: boolean }>({
      text: `select pg_try_advisory_xact_lock(hashtext('delivery_bodies_partitions')) as "isHeld"`,
    });
    const [state] = await tx.query<{ isPresent: boolean; isTaken: boolean }>({
      text: `select to_regclass($1) is not null as "isPresent",
                    exists (select from delivery_bodies_default
                            where received_at >= $2::timestamptz and received_at < $3::timestamptz) as "isTaken"`,
      values: [name, day, nextDay],
    });
    // Another process is at it, or the default partition holds rows of that day already and keeps them.
    if (!held?.isHeld || state?.isPresent || state?.isTaken) return false;
    await tx.query({
      text: `create table ${name} (like delivery_bodies including defaults including constraints) with (${frozenEarly})`,
    });
    await tx.query({
      text: `alter table delivery_bodies attach partition ${name} for values from ('${day}') to ('${nextDay}')`,
    });
    return true;
  });
}

function isoDay(at: Date): string {
  return at.toISOString().slice(0, 10);
}
