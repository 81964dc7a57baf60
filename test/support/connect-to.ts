// Pools of the tests' own, which say nothing of their troubles to anybody.
import { type ConnectOptions, connect, type Database } from '../../src/db/connect.ts';
import { createLog } from '../../src/log.ts';

const log = createLog('silent');

/** A pool of two; `changes` where a test wants it otherwise. Whoever opens it closes it. */
export function connectTo(url: string, changes: Partial<ConnectOptions> = {}): Database {
  return connect({
    url,
    applicationName: 'test',
    maxConnections: 2,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 30_000,
    log,
    ...changes,
  });
}
