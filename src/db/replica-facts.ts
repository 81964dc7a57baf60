// What a primary and its replicas say of themselves, and how far one of them is behind. Positions in the log are compared,
// never clocks or the time of the last replayed transaction: while nothing is written, a replica that has everything lags
// by nothing, however long ago that was.
import type { Queries } from './connect.ts';

interface ServerFacts {
  /** A position in the write-ahead log: flushed on a primary, replayed on a standby. */
  readonly position: string;
  /** Of the cluster, the same on all that were copied from it. */
  readonly system: string;
  readonly database: string;
  readonly startedAt: string;
  /** The newest migration, as the time that names it. */
  readonly migration: string | null;
}

export type PrimaryFacts = ServerFacts;

export interface ReplicaFacts extends ServerFacts {
  readonly isStandby: boolean;
}

const identity = `
  (select system_identifier::text from pg_control_system()) as system,
  (select oid::text from pg_database where datname = current_database()) as database,
  pg_postmaster_start_time()::text as "startedAt",
  (select max(created_at)::text from drizzle.__drizzle_migrations) as migration`;

/** Throws for a server that is itself in recovery: that is no primary. */
export async function readPrimaryFacts(db: Queries): Promise<PrimaryFacts> {
  const [row] = await db.query<PrimaryFacts>({
    name: 'primary-facts',
    text: `select pg_current_wal_flush_lsn()::text as position, ${identity}`,
  });
  if (row === undefined) throw new Error('a server always has facts');
  return row;
}

export async function readReplicaFacts(db: Queries): Promise<ReplicaFacts> {
  const [row] = await db.query<ReplicaFacts>({
    name: 'replica-facts',
    text: `
      select pg_is_in_recovery() as "isStandby",
             (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end)::text
               as position,
             ${identity}`,
  });
  if (row === undefined) throw new Error('a server always has facts');
  return row;
}

/** Why a server does not stand for the primary; undefined for one that does, once it has caught up. */
export function unfitness(
  primary: PrimaryFacts,
  replica: ReplicaFacts,
): 'other_database' | 'not_a_replica' | 'other_schema' | undefined {
  if (replica.system !== primary.system || replica.database !== primary.database) return 'other_database';
  // The primary itself may be listed. Another server that takes writes was promoted, and goes its own way.
  if (!replica.isStandby && replica.startedAt !== primary.startedAt) return 'not_a_replica';
  if (replica.migration !== primary.migration) return 'other_schema';
  return undefined;
}

export interface Positions {
  /** Notes the primary's position as it was asked for at `atMs`. */
  note(position: string, atMs: number): void;
  /** The latest time before which whatever was committed is part of `position`; undefined where that is not known. */
  provenAtMs(position: string): number | undefined;
}

// An hour of a look each second: how much lag can be told, not how much is allowed.
const keptCount = 3_600;

/** Where the primary has been, and when. */
export function createPositions(): Positions {
  const kept: { position: bigint; atMs: number }[] = [];
  return {
    note: (text, atMs) => {
      const position = readPosition(text);
      const last = kept.at(-1);
      // A log that is shorter than it was belongs to a server that was restored: what was noted says nothing any more.
      if (last !== undefined && position < last.position) kept.length = 0;
      if (last?.position === position) last.atMs = atMs;
      else kept.push({ position, atMs });
      if (kept.length > keptCount) kept.shift();
    },
    provenAtMs: (text) => {
      const position = readPosition(text);
      return kept.findLast((noted) => noted.position <= position)?.atMs;
    },
  };
}

/** `16/B374D848` → a number: the part before the slash counts whole 4 GiB. */
function readPosition(text: string): bigint {
  const [high = '0', low = '0'] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}
