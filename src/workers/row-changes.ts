// Which rows a replay has created or updated, and how: told from what they said before and after. A dry run shows it, a
// real one counts it.
import type { RowContent, SnapshotRow } from '../db/replay-deliveries.ts';

export interface RowChange {
  readonly table: string;
  readonly key: Readonly<Record<string, unknown>>;
  readonly change: 'created' | 'updated';
  /** What differs; for a created row everything that is not null. */
  readonly columns: Readonly<Record<string, { readonly before: unknown; readonly after: unknown }>>;
}

const keyColumns: Readonly<Record<SnapshotRow['table'], readonly string[]>> = {
  deliveries: ['id'],
  sessions: ['session_id', 'account'],
  observations: ['session_id', 'account', 'delivery_id'],
  face_matches: ['match_id', 'account'],
  compliance_alerts: ['alert_id', 'account'],
};

export interface ChangeLog {
  /** Takes in what rows said before and after; a row that changes twice is one change. */
  add(before: readonly SnapshotRow[], after: readonly SnapshotRow[]): void;
  changes(): RowChange[];
}

export function createChangeLog(): ChangeLog {
  const first = new Map<string, RowContent | undefined>();
  const last = new Map<string, SnapshotRow>();
  return {
    add: (before, after) => {
      const known = new Map(before.map((row) => [keyText(row), row.content]));
      for (const row of after) {
        const key = keyText(row);
        if (!first.has(key)) first.set(key, known.get(key));
        last.set(key, row);
      }
    },
    changes: () =>
      [...last].flatMap(([key, { table, content }]) => {
        const before = first.get(key);
        const columns = differences(before, content);
        if (Object.keys(columns).length === 0) return [];
        const change = before === undefined ? ('created' as const) : ('updated' as const);
        return [{ table, key: keyOf({ table, content }), change, columns }];
      }),
  };
}

/** How many rows were created and updated, by table. */
export function countChanges(
  changes: readonly RowChange[],
): Record<string, { created: number; updated: number }> {
  const counts: Record<string, { created: number; updated: number }> = {};
  for (const { table, change } of changes) {
    counts[table] ??= { created: 0, updated: 0 };
    counts[table][change] += 1;
  }
  return counts;
}

function differences(before: RowContent | undefined, after: RowContent): RowChange['columns'] {
  return Object.fromEntries(
    Object.entries(after)
      .map(([column, value]) => [column, { before: before?.[column] ?? null, after: value }] as const)
      .filter(([, { before: was, after: is }]) => JSON.stringify(was) !== JSON.stringify(is)),
  );
}

function keyOf({ table, content }: SnapshotRow): Record<string, unknown> {
  return Object.fromEntries(keyColumns[table].map((column) => [column, content[column]]));
}

function keyText(row: SnapshotRow): string {
  return JSON.stringify([row.table, keyOf(row)]);
}
