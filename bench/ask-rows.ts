// Asks the tables of whoever takes part: how many rows there are, and which of many names have one.
import type { Place } from './stores.ts';

export async function count({ db }: Place, text: string): Promise<number> {
  const [row] = await db.query<{ count: number }>({ text });
  return row?.count ?? 0;
}

const namesAtOnce = 50_000;

/** Those of the names that the statement gives as `name`, which is asked with some of them as `$1`. */
export async function find({ db }: Place, text: string, names: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (let start = 0; start < names.length; start += namesAtOnce) {
    const values = [names.slice(start, start + namesAtOnce)];
    const rows = await db.query<{ name: string }>({ text, values });
    found.push(...rows.map(({ name }) => name));
  }
  return found;
}
