// A benchmark's own look into the database of what it measures: one connection, apart from those of the service.
import { connect, type Database } from '../src/db/connect.ts';
import { createLog } from '../src/log.ts';

const defaultTimeoutMs = 300_000;

/** One connection; it is made on first use. */
export function connectOnce(url: string, statementTimeoutMs = defaultTimeoutMs): Database {
  return connect({
    url,
    applicationName: 'ilive-webhooks bench',
    maxConnections: 1,
    connectTimeoutMs: 5_000,
    statementTimeoutMs,
    log: createLog('silent'),
  });
}
