// The one pool that all queues and workers of a process share, where the queue stands in Postgres. BullMQ makes it, and takes it back as if it were
// given by somebody else: then it ends no connection of another queue.
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { type PgPool, type PgPoolClient, PostgresConnection, runMigrations } from 'bullmq';
import type { Log } from '../log.ts';
import { postgresAddress } from '../postgres-address.ts';
import { queuePoolMax } from '../queue-facts.ts';
import { endsWithin } from '../within.ts';

export interface QueuePoolOptions {
  readonly databaseUrl: string;
  /** A statement that is not answered for so long is given up. */
  readonly silenceMs: number;
  readonly log: Log;
}

export interface QueuePool {
  readonly connection: PgPool;
  /** Makes BullMQ's schema what this version wants. */
  migrate(): Promise<void>;
  /** What BullMQ puts on a pool while `create` runs, and leaves on it for ever, `forget` takes off. */
  watch<T>(create: () => T): { readonly created: T; forget(): void };
  /** Ends every connection; those at work have a second for it. */
  end(): Promise<void>;
}

const schema = 'bullmq';
const connectTimeoutMs = 5_000;
const endMs = 1_000;

type Client = PgPoolClient & EventEmitter;

/** Connects on first use. */
export function createQueuePool({ databaseUrl, silenceMs, log }: QueuePoolOptions): QueuePool {
  const { pool: connection } = new PostgresConnection({
    // A ring that a crash loses is rung again by the sweep; waiting for the disk would buy nothing. BullMQ puts its own behind. How long a
    // statement may take is `query_timeout`, and not what the role may.
    ...postgresAddress(databaseUrl, '-c synchronous_commit=off -c jit=off -c statement_timeout=0'),
    schema,
    application_name: 'ilive-webhooks queue',
    max: queuePoolMax,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: silenceMs,
    // What a connection that has fallen silent still holds at the server, such as a lane's rows, would stop the others for ever.
    idle_in_transaction_session_timeout: silenceMs,
    keepAlive: true,
  });
  prepareStatements(connection);
  const events = connection as unknown as EventEmitter;
  const clients = new Set<Client>();
  // BullMQ hears a connection only between uses; one that breaks in its hands would end the process (bullmq 6.7.0).
  const hear = (error: Error) => log.debug({ err: error }, 'queue connection');
  events.on('connect', (client: Client) => clients.add(client.on('error', hear)));
  events.on('remove', (client: Client) => clients.delete(client));
  // One that a worker listened on, and that has fallen silent, would never be let go.
  events.on('release', (isEnding: unknown, client: Client) => {
    if (isEnding) socketOf(client).setTimeout(endMs, () => socketOf(client).destroy());
  });
  return {
    connection,
    migrate: async () => {
      const client = await connection.connect();
      try {
        await runMigrations(client, schema);
      } finally {
        client.release();
      }
    },
    watch: (create) => {
      const before = new Set(events.listeners('error'));
      const created = create();
      const added = events.listeners('error').filter((listener) => !before.has(listener));
      const forget = () => {
        for (const listener of added) events.removeListener('error', listener as () => void);
      };
      return { created, forget };
    },
    end: async () => {
      if (await endsWithin(endMs, connection.end())) return;
      for (const client of clients) socketOf(client).destroy();
    },
  };
}

// BullMQ's commands are a few dozen texts, each a call of a function of its own, which Postgres reads and plans anew every time unless
// they have a name. What the server no longer takes by its name fails once: the pool ends a connection of which a statement failed.
function prepareStatements(connection: PgPool): void {
  const names = new Map<string, string>();
  const query = connection.query.bind(connection) as (statement: unknown, values?: unknown) => Promise<never>;
  connection.query = (text: string, values?: unknown[]) => {
    if (values === undefined) return query(text); // may be several statements, which have no name
    const name = names.get(text) ?? `bullmq ${names.size}`;
    names.set(text, name);
    return query({ name, text, values });
  };
}

function socketOf(client: Client): Socket {
  return client.connection?.stream as Socket;
}
