// `GET /healthz`: the process answers. `GET /readyz`: it should be sent traffic. A queue that is away does not make it
// unready, since deliveries are accepted without one; nor does a database, as long as the outage store takes them: a proxy
// that sent no more of them would lose what the store is there to keep.
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
}

// A probe waits no longer, whatever the database does; those who ask usually give up after a few seconds.
const databaseLookMs = 2_000;

export function showHealth(_req: Request, res: Response): void {
  res.json({ status: 'alive' });
}

/** 200 while deliveries can be taken and the service is not stopping, else 503; says which. */
export async function showReadiness(deps: HealthDependencies, res: Response): Promise<void> {
  const isStopping = deps.isStopping();
  const isDatabaseUp = await isUp(deps);
  const outage = deps.lookAtOutage?.().state;
  const isReady = !isStopping && (isDatabaseUp || outage === 'ready' || outage === 'taking');
  res.status(isReady ? 200 : 503).json({
    status: isReady ? 'ready' : isStopping ? 'stopping' : 'unready',
    database: isDatabaseUp ? 'up' : 'down',
    ...(outage === undefined ? {} : { outage_store: outage }),
    role: deps.role,
    queue: deps.queue,
  });
}

async function isUp({ db }: HealthDependencies): Promise<boolean> {
  const answer = db.query({ text: 'select 1' }).then(
    () => true,
    () => false,
  );
  return Promise.race([answer, wait(databaseLookMs, false, { ref: false })]);
}
