// `GET /healthz`: the process answers. `GET /readyz`: it should be sent traffic. A queue that is away does not make it
// unready, since deliveries are accepted without one; nor does a database, as long as the outage store takes them: a proxy
// that sent no more of them would lose what the store is there to keep. Where not one signing secret opens it is unready: what
// goes on sending to a process that knows the key, such as an update in turns, then does so. One of several that does not open
// takes nothing away from the others.
import { setTimeout as wait } from 'node:timers/promises';
import type { Request, Response } from 'express';
import type { Database } from '../db/connect.ts';

export interface HealthDependencies {
  readonly db: Database;
  readonly isStopping: () => boolean;
  readonly role: string;
  readonly queue: 'redis' | 'postgres';
  /** Undefined for a process that takes no deliveries, a worker. */
  readonly lookAtOutage: (() => { readonly state: string; readonly since: Date | null }) | undefined;
  /** False where there are signing secrets and not one opens; undefined for a worker. */
  readonly canVerify: (() => boolean) | undefined;
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
  const isUp = createDatabaseLook(deps.db);
  return async (_req, res) => {
    const isDatabaseUp = await isUp();
    const isStopping = deps.isStopping();
    const outage = deps.lookAtOutage?.().state;
    const canVerify = deps.canVerify?.();
    const isTaking = isDatabaseUp || outage === 'ready' || outage === 'taking';
    const isReady = !isStopping && canVerify !== false && isTaking;
    res.status(isReady ? 200 : 503).json({
      status: isReady ? 'ready' : isStopping ? 'stopping' : 'unready',
      database: isDatabaseUp ? 'up' : 'down',
      ...(outage === undefined ? {} : { outage_store: outage }),
      ...(canVerify === undefined ? {} : { signing_secrets: canVerify ? 'usable' : 'unopened' }),
      role: deps.role,
      queue: deps.queue,
    });
  };
}

// One look at a time, however many ask.
function createDatabaseLook(db: Database): () => Promise<boolean> {
  let wasUp = false;
  let looking: Promise<boolean> | undefined;
  const look = async () => {
    const answer = db.query({ text: 'select 1' }).then(
      () => true,
      () => false,
    );
    wasUp = await Promise.race([answer, wait(databaseLookMs, false, { ref: false })]);
    looking = undefined;
    return wasUp;
  };
  return () => {
    looking ??= look();
    return wasUp ? Promise.race([looking, wait(knownWaitMs, true, { ref: false })]) : looking;
  };
}
