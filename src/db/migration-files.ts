// The migrations as they lie in `migrations/`: SQL that drizzle-kit generated and a person corrected, in the order of the
// journal. Two remarks in a file's head bear on how it is run, and each is a line of its own: `-- outside a transaction`,
// for what Postgres refuses inside one, and `-- contract: <tag>`, for one that takes away what versions before that
// migration still use.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Migration {
  /** Such as `0004_look-ups`. */
  readonly tag: string;
  /** When it was made, in milliseconds; what orders them, and what the database keeps of each. */
  readonly madeAtMs: number;
  readonly hash: string;
  readonly statements: readonly string[];
  readonly isInTransaction: boolean;
  /** `madeAtMs` of the migration that a version must know to run on what this one leaves; 0 where any version can. */
  readonly needsMadeAtMs: number;
}

/** A migration as the journal names it. */
export interface SchemaVersion {
  readonly tag: string;
  readonly when: number;
}

const ownFolder = join(import.meta.dirname, '../../migrations');

/** The newest migration that this version brings. */
export async function readOwnSchema(): Promise<SchemaVersion> {
  const entries = await readJournal(ownFolder);
  const newest = entries.toSorted((a, b) => a.when - b.when).at(-1);
  if (newest === undefined) throw new Error('there is always a first migration');
  return newest;
}

/** Throws when a file is missing or names a migration that is not there. */
export async function readMigrations(folder = ownFolder): Promise<Migration[]> {
  const entries = await readJournal(folder);
  const madeAtOf = new Map(entries.map(({ tag, when }) => [tag, when]));
  const migrations = await Promise.all(
    entries.map(async ({ tag, when }) => {
      const text = await readFile(join(folder, `${tag}.sql`), 'utf8');
      return readMigration(tag, when, text, madeAtOf);
    }),
  );
  return migrations.sort((a, b) => a.madeAtMs - b.madeAtMs);
}

async function readJournal(folder: string): Promise<SchemaVersion[]> {
  const text = await readFile(join(folder, 'meta/_journal.json'), 'utf8');
  return (JSON.parse(text) as { entries: SchemaVersion[] }).entries;
}

function readMigration(
  tag: string,
  madeAtMs: number,
  text: string,
  madeAtOf: ReadonlyMap<string, number>,
): Migration {
  const needed = /^-- contract: (\S+)$/m.exec(text)?.[1];
  const needsMadeAtMs = needed === undefined ? 0 : madeAtOf.get(needed);
  if (needsMadeAtMs === undefined) throw new Error(`${tag} names ${needed}, which is no migration`);
  return {
    tag,
    madeAtMs,
    // As drizzle's own migrator computes it: databases that it migrated have these.
    hash: createHash('sha256').update(text).digest('hex'),
    statements: text.split('--> statement-breakpoint').filter((statement) => statement.trim() !== ''),
    isInTransaction: !/^-- outside a transaction$/m.test(text),
    needsMadeAtMs,
  };
}
