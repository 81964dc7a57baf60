// What a transaction holds by its name until it ends, whether it has a row or not: sessions, face matches, alerts, the name of a
// key, the secrets of an account. Advisory locks, because a row lock needs a row: inserting one first only to lock it would
// write every new session twice. A transaction takes all its locks in one call, which orders them, and before it writes
// anything or holds a row: that gives it its id, and the change feed goes by ids. One that has its id and then waits would
// tell of it as if it had come before whom it waited for.
import type { Transaction } from './connect.ts';

/** Holds what the names stand for; waits for who holds any of it. */
export async function lockNames(tx: Transaction, names: readonly string[]): Promise<void> {
  await tx.query({
    name: 'lock-names',
    text: `
      select count(pg_advisory_xact_lock(n.hash)) -- one row to read in place of one for each
      from (select distinct hashtextextended(name, 0) as hash from unnest($1::text[]) name order by 1) n`,
    values: [names],
  });
}

/** Holds those that nobody else holds, and gives them; waits for none. */
export async function tryLockNames(tx: Transaction, names: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await tx.query<{ name: string }>({
    name: 'try-lock-names',
    text: `select name from unnest($1::text[]) name where pg_try_advisory_xact_lock(hashtextextended(name, 0))`,
    values: [names],
  });
  return new Set(rows.map(({ name }) => name));
}
