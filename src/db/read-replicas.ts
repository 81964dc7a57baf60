// Reads that may lag, spread over streaming replicas: in turn over those that answer, are copies of this primary and lag
// no more than is allowed. A read that a replica breaks off, or is too busy for, is made once more, by the primary, at once.
// Nothing can be written through here: there are no transactions, and every session is read-only. What must be right never
// comes here.
import { isUnavailable, ServiceError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Database, Queries } from './connect.ts';
import {
  createPositions,
  type PrimaryFacts,
  type ReplicaFacts,
  readPrimaryFacts,
  readReplicaFacts,
  unfitness,
} from './replica-facts.ts';

export const replicaStates = [
  'usable',
  'unchecked', // nobody has looked yet
  'unreachable',
  'lagging',
  'not_a_replica', // it takes writes of its own: it was promoted
  'other_database',
  'other_schema',
] as const;
export type ReplicaState = (typeof replicaStates)[number];

export interface ReplicaSight {
  /** Host and port. */
  readonly name: string;
  readonly state: ReplicaState;
  /** How old what it answers may be, at most; null while that is not known. */
  readonly lagMs: number | null;
}

export interface Replica {
  readonly name: string;
  readonly db: Database;
  /** For looking at it: a pool that is busy must not make it look dead. */
  readonly checkDb: Database;
}

export interface ReadReplicasOptions {
  readonly replicas: readonly Replica[];
  /** A pool of read-only sessions. */
  readonly primary: Queries;
  /** For looking at it: while its pool is busy, it must still be known how far the replicas are behind it. */
  readonly primaryCheck: Queries;
  readonly maxLagMs: number;
  readonly log: Log;
  /** A replica broke a read off or was too busy for it, and the primary has it now. */
  readonly onMoved: () => void;
}

export interface ReadReplicas {
  readonly queries: Queries;
  /** Looks at the primary and at every replica; what it finds counts until the next look, or the first broken read. */
  check(): Promise<void>;
  look(): ReplicaSight[];
}

interface Watched extends Replica {
  state: ReplicaState;
  /** Whatever was committed before then, it has. */
  provenAtMs: number | undefined;
  /** The reads that it is at; called when it is found broken. */
  readonly abandon: Set<() => void>;
}

const queryCanceled = '57014';
const recoveryConflict = '40001';
// What `pg` says where every connection of a pool stayed at work for too long: nothing is wrong with the server.
const poolIsBusy = 'timeout exceeded when trying to connect';

/** Asks no replica before the first `check`. */
export function createReadReplicas({
  replicas,
  primary,
  primaryCheck,
  maxLagMs,
  log,
  onMoved,
}: ReadReplicasOptions): ReadReplicas {
  const watched: Watched[] = replicas.map((replica) => ({
    ...replica,
    state: 'unchecked',
    provenAtMs: undefined,
    abandon: new Set(),
  }));
  const positions = createPositions();
  let known: PrimaryFacts | undefined;
  let turn = 0;

  const sightOf = ({ name, state, provenAtMs }: Watched): ReplicaSight => {
    const lagMs = provenAtMs === undefined ? null : performance.now() - provenAtMs;
    // A look that hangs lets what it last found grow old.
    const isLate = state === 'usable' && (lagMs === null || lagMs > maxLagMs);
    return { name, state: isLate ? 'lagging' : state, lagMs };
  };

  const choose = (): Watched | undefined => {
    const usable = watched.filter((replica) => sightOf(replica).state === 'usable');
    turn += 1;
    return usable[turn % usable.length];
  };

  const run = async <T>(read: (db: Queries) => Promise<T>): Promise<T> => {
    const replica = choose();
    if (replica === undefined) return read(primary);
    try {
      return await unlessAbandoned(replica, read(replica.db));
    } catch (error) {
      const code = troubleOf(error);
      if (code === undefined || code === queryCanceled) throw error;
      if (code !== recoveryConflict && code !== poolIsBusy) setState(replica, 'unreachable', log);
      onMoved();
      return read(primary);
    }
  };

  const checkReplica = async (replica: Watched): Promise<void> => {
    const facts = await readReplicaFacts(replica.checkDb).catch(() => undefined);
    replica.provenAtMs = facts && positions.provenAtMs(facts.position);
    setState(replica, judge(facts, known), log);
  };
  return {
    queries: {
      query: (statement) => run((db) => db.query(statement)),
      orm: (work) => run((db) => db.orm(work)),
    },
    check: async () => {
      const atMs = performance.now();
      const facts = await readPrimaryFacts(primaryCheck).catch(() => undefined);
      known = facts ?? known;
      if (facts !== undefined) positions.note(facts.position, atMs);
      await Promise.all(watched.map(checkReplica));
    },
    look: () => watched.map(sightOf),
  };
}

function judge(facts: ReplicaFacts | undefined, primary: PrimaryFacts | undefined): ReplicaState {
  if (facts === undefined) return 'unreachable';
  if (primary === undefined) return 'unchecked';
  return unfitness(primary, facts) ?? 'usable';
}

function setState(replica: Watched, state: ReplicaState, log: Log): void {
  const was = replica.state;
  replica.state = state;
  if (state === was) return;
  const line = { replica: replica.name, was, state };
  if (state === 'usable') log.info(line, 'a read replica is asked');
  else log.warn(line, 'a read replica is not asked; the primary answers in its place');
  if (state === 'unreachable') for (const leave of [...replica.abandon]) leave();
}

/** The SQLSTATE of a server's trouble, or the text of trouble without one; undefined for an error that is the read's own. */
function troubleOf(error: unknown): string | undefined {
  if (!isUnavailable(error)) return undefined;
  const { code, message } = (error.cause ?? {}) as { code?: string; message?: string };
  return code ?? message ?? '';
}

// A server that has vanished without a word would hold its reads until the statement's time is over.
function unlessAbandoned<T>(replica: Watched, read: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(new ServiceError('unavailable', 'The replica does not answer any more.'));
    replica.abandon.add(leave);
    read.then(resolve, reject).finally(() => replica.abandon.delete(leave));
  });
}
