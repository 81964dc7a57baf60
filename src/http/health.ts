// `GET /healthz`: the process answers. `GET /readyz`: it should be sent traffic. A queue that is away does not make it
// unready, since deliveries are accepted without one; nor does a database, as long as the outage store takes them: a proxy
// that sent no more of them would lose what the store is there to keep. A database whose last commit failed is not up, whatever
// it answers, and each look tries that commit again: else a proxy that sends nothing would never be told that it is back. Where
// not one signing secret opens it is unready: what goes on sending to a process that knows the key, such as an update in turns,
// then does so. One of several that does not open takes nothing away from the others.
import { setTimeout as wait } from 'node:timers/promises';
import type { Request, Response } from 'express';
import type { Database } from '../db/connect.ts';
import { answers } from '../db/connection-facts.ts';
import { lookOnce } from '../seldom.ts';
import type { CommitWatch } from './commit-watch.ts';

export interface HealthDependencies {
  readonly db: Database;
  readonly isStopping: () => boolean;
  readonly role: string;
  readonly queue: 'redis' | 'postgres';
  /** Undefined for a process that takes no deliveries, a worker. */
  readonly lookAtOutage: (() => { readonly state: string; readonly since: Date | null }) | undefined;
  /** False where there are signing secrets and not one opens; undefined for a worker. */
  readonly canVerify: (() => boolean) | undefined;
  /** How the last commit of deliveries went; undefined for a worker. */
  readonly commits: Pick<CommitWatch, 'canCommit' | 'tryAgain'> | undefined;
}

// A database that has not answered by then is away.
const databaseLookMs = 2_000;
// One that was up a moment ago is waited for no longer: a probe that comes late does more harm than one that is a look behind.
const knownWaitMs = 200;

export function showHealth(_req: Request, res: Response): void {
  res.json({ status: 'alive' });
}

/** 200 while deliveries can be taken and the service is not stopping, else 503; says which. */
export function createReadiness(deps: HealthDependencies): (req: Request, res: Response) => Promise<void> {
  const isUp = createDatabaseLook(deps);
  return async (_req, res) => {
    const isDatabaseUp = await isUp();
    const isStopping = deps.isStopping();
    const outage = deps.lookAtOutage?.();
    const canVerify = deps.canVerify?.();
    // During an outage all go behind the store, also once the database is back and it is drained.
    const isStoreOnly = outage !== undefined && outage.since !== null;
    const isTaking = isStoreOnly ? outage.state === 'taking' : isDatabaseUp || outage?.state === 'ready';
    const isReady = !isStopping && canVerify !== false && isTaking;
    res.status(isReady ? 200 : 503).json({
      status: isReady ? 'ready' : isStopping ? 'stopping' : 'unready',
      database: isDatabaseUp ? 'up' : 'down',
      ...(outage === undefined ? {} : { outage_store: outage.state }),
      ...(canVerify === undefined ? {} : { signing_secrets: canVerify ? 'usable' : 'unopened' }),
      role: deps.role,
      queue: deps.queue,
    });
  };
}

function createDatabaseLook({
  db,
  commits,
}: Pick<HealthDependencies, 'db' | 'commits'>): () => Promise<boolean> {
  let wasUp = false;
  const canCommit = () => commits === undefined || commits.canCommit();
  const look = lookOnce(async () => {
    const answer = commits === undefined || canCommit() ? answers(db) : commits.tryAgain();
    wasUp = await Promise.race([answer, wait(databaseLookMs, false, { ref: false })]);
    return wasUp;
  });
  return async () => {
    const looking = look();
    const isKnownUp = wasUp && canCommit();
    const isUp = isKnownUp ? Promise.race([looking, wait(knownWaitMs, true, { ref: false })]) : looking;
    return (await isUp) && canCommit();
  };
}
