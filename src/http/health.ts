// `GET /healthz`: the process answers. `GET /readyz`: it should be sent traffic. A queue that is away does not make it
// unready, since deliveries are accepted without one.
import type { Request, Response } from 'express';
import type { Database } from '../db/connect.ts';

export interface HealthDependencies {
  readonly db: Database;
  readonly isStopping: () => boolean;
  readonly role: string;
  readonly queue: 'redis' | 'postgres';
}

export function showHealth(_req: Request, res: Response): void {
  res.json({ status: 'alive' });
}

/** 200 while the database answers and the service is not stopping, else 503; says which. */
export async function showReadiness(deps: HealthDependencies, res: Response): Promise<void> {
  const isStopping = deps.isStopping();
  const isDatabaseUp = await deps.db.query({ text: 'select 1' }).then(
    () => true,
    () => false,
  );
  const isReady = isDatabaseUp && !isStopping;
  res.status(isReady ? 200 : 503).json({
    status: isReady ? 'ready' : isStopping ? 'stopping' : 'unready',
    database: isDatabaseUp ? 'up' : 'down',
    role: deps.role,
    queue: deps.queue,
  });
}
