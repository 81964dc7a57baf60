// The reads' part of the composition root: where lists and other reads go that may lag a little. Without DATABASE_READ_URL
// they go to the primary, over sessions that cannot write either.
import { type ConnectOptions, connect, type Database, type Queries } from './db/connect.ts';
import { readWire } from './db/connection-facts.ts';
import { createReadReplicas, type ReplicaSight } from './db/read-replicas.ts';
import { addReplicas } from './metrics.ts';
import { isNear, type StoreWire } from './operations/doctor-connections.ts';
import type { Running } from './running.ts';
import { scheduleUntilStop } from './service-stop.ts';

export interface Reads {
  /** May lag by as much as DATABASE_READ_MAX_LAG_SECONDS; cannot write. */
  readonly readDb: Queries;
  readonly lookAtReplicas: () => readonly ReplicaSight[];
  /** How each of them is connected to. */
  readonly lookAtWires: () => Promise<readonly StoreWire[]>;
}

const statementTimeoutMs = 30_000;
const connectTimeoutMs = 5_000;
const checkIntervalMs = 1_000;
// Of a replica: when it takes longer, the primary is asked.
const replicaConnectTimeoutMs = 1_000;
const checkTimeoutMs = 1_000;

/** Opens the pools; the first look at the replicas is over when it resolves. */
export async function startReads(running: Running, databaseUrl: string): Promise<Reads> {
  const { config, log, metrics, undo } = running;
  const { poolMax, readUrls, readMaxLagMs } = config.database;
  const open = (options: Omit<ConnectOptions, 'isReadOnly' | 'log'>): Database => {
    const db = connect({ ...options, isReadOnly: true, log });
    undo.push({ name: `${options.applicationName} pool`, run: () => db.close() });
    return db;
  };
  const openPrimary = (applicationName: string, maxConnections: number) =>
    open({ url: databaseUrl, applicationName, maxConnections, connectTimeoutMs, statementTimeoutMs });
  const hasReplicas = readUrls.length > 0;
  // Of the look-ups' connections one is for looking at the primary, so that a process opens no more than it says.
  const primary = openPrimary('ilive-webhooks lookup', hasReplicas ? poolMax - 1 : poolMax);
  if (!hasReplicas) {
    return {
      readDb: { query: primary.query, orm: primary.orm },
      lookAtReplicas: () => [],
      lookAtWires: async () => [],
    };
  }
  const opened = readUrls.map((secret) => {
    const url = secret.reveal();
    const connectTimeoutMs = replicaConnectTimeoutMs;
    return {
      name: nameOf(url),
      isNear: isNear(url),
      db: open({
        url,
        applicationName: 'ilive-webhooks replica',
        maxConnections: poolMax,
        connectTimeoutMs,
        statementTimeoutMs,
      }),
      checkDb: open({
        url,
        applicationName: 'ilive-webhooks replica check',
        maxConnections: 1,
        connectTimeoutMs,
        statementTimeoutMs: checkTimeoutMs,
      }),
    };
  });
  const replicas = createReadReplicas({
    replicas: opened,
    primary,
    primaryCheck: openPrimary('ilive-webhooks lookup check', 1),
    maxLagMs: readMaxLagMs,
    log,
    onMoved: () => metrics.readsMoved.inc(),
  });
  addReplicas(metrics.registry, replicas.look);
  await replicas.check();
  scheduleUntilStop(running, 'replicas', checkIntervalMs, replicas.check);
  const lookAtWires = () =>
    Promise.all(
      opened.map(async ({ name, isNear, checkDb }) => {
        const wire = await readWire(checkDb).catch(() => undefined);
        return { check: `encryption of replica ${name}`, isNear, wire };
      }),
    );
  return { readDb: replicas.queries, lookAtReplicas: replicas.look, lookAtWires };
}

// Host and port, and nothing of what else stands in an address.
function nameOf(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port === '' ? '5432' : port}`;
}
