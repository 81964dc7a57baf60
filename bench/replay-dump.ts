// All rows of the tables that a replay writes to, as a key and a hash of the whole row each, in order: two dumps are equal
// when no row was changed, added or removed, and where they are not they say which.
import { createHash } from 'node:crypto';
import type { Database } from '../src/db/connect.ts';

export type Dump = readonly TableDump[];

interface TableDump {
  readonly table: string;
  readonly rows: ReadonlyMap<string, string>;
  /** Over all keys and rows. */
  readonly sha256: string;
}

export interface TableDifference {
  readonly table: string;
  readonly rowCount: number;
  readonly changed: number;
  readonly added: number;
  readonly removed: number;
  /** Keys of the first few. */
  readonly examples: readonly string[];
  readonly isSame: boolean;
}

const tables = {
  deliveries: { key: 'id::text', since: 'received_at' },
  sessions: { key: `account || ' ' || session_id`, since: 'expected_at' },
  observations: { key: `account || ' ' || session_id || ' ' || delivery_id`, since: 'known_at' },
  face_matches: { key: `account || ' ' || match_id`, since: 'known_at' },
  compliance_alerts: { key: `account || ' ' || alert_id`, since: 'known_at' },
} as const;
const exampleCount = 3;

/** Every row, or those from before `before` alone: a row that a replay dates anew is missing then, and told. */
export async function dumpTables(db: Database, before?: Date): Promise<Dump> {
  const dump: TableDump[] = [];
  for (const [table, { key, since }] of Object.entries(tables)) {
    const rows = await db.query<{ key: string; hash: string }>({
      text: `
        select ${key} as key, encode(sha256(convert_to(t::text, 'UTF8')), 'hex') as hash from ${table} t
        where ${since} < $1 order by 1`,
      values: [before?.toISOString() ?? 'infinity'],
    });
    const whole = createHash('sha256');
    for (const row of rows) whole.update(`${row.key}\0${row.hash}\n`);
    const byKey = new Map(rows.map((row) => [row.key, row.hash]));
    dump.push({ table, rows: byKey, sha256: whole.digest('hex') });
  }
  return dump;
}

export function compareDumps(before: Dump, after: Dump): TableDifference[] {
  return before.map(({ table, rows, sha256 }) => {
    const other = after.find((dump) => dump.table === table);
    if (other === undefined) throw new Error(`${table} was not dumped again`);
    const removed = [...rows.keys()].filter((key) => !other.rows.has(key));
    const added = [...other.rows.keys()].filter((key) => !rows.has(key));
    const changed = [...rows].flatMap(([key, hash]) => {
      const now = other.rows.get(key);
      return now === undefined || now === hash ? [] : [key];
    });
    return {
      table,
      rowCount: rows.size,
      changed: changed.length,
      added: added.length,
      removed: removed.length,
      examples: [...changed, ...added, ...removed].slice(0, exampleCount),
      isSame: sha256 === other.sha256,
    };
  });
}
