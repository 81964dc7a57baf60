// The one table that the contenders who are not the service store events in: the fields that are asked for, the bytes, and
// an index to find a session by. A second delivery of the same webhook id changes nothing. Far less than the service keeps.
import { Pool } from 'pg';
import type { Received } from './express-route.ts';
import { poolMaxConnections } from './program.ts';

const createTable = `
  create table if not exists events (
    webhook_id text primary key,
    session_id text not null,
    kind text not null,
    verdict text,
    body jsonb not null,
    received_at timestamptz not null default now()
  );
  create index if not exists events_by_session on events (session_id)`;

const columns = 'webhook_id, session_id, kind, verdict, body';

export interface EventsTable {
  readonly pool: Pool;
  /** One statement, which is one durable transaction. */
  insert(received: Received): Promise<void>;
  /** The same for several at once. */
  insertAll(received: readonly Received[]): Promise<void>;
}

export async function openEventsTable(databaseUrl: string): Promise<EventsTable> {
  const pool = new Pool({ connectionString: databaseUrl, max: poolMaxConnections });
  await pool.query(createTable);
  return {
    pool,
    insert: async (received) => {
      await pool.query({
        name: 'insert-event',
        text: `insert into events (${columns}) values ($1, $2, $3, $4, $5) on conflict do nothing`,
        values: fieldsOf(received),
      });
    },
    insertAll: async (received) => {
      const rows = received.map(fieldsOf);
      await pool.query({
        name: 'insert-events',
        text: `insert into events (${columns})
               select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::jsonb[]) on conflict do nothing`,
        values: [0, 1, 2, 3, 4].map((column) => rows.map((row) => row[column])),
      });
    },
  };
}

function fieldsOf({ webhookId, text, payload }: Received): (string | null)[] {
  return [webhookId, payload.session_id ?? '', payload.event ?? '', payload.verdict ?? null, text];
}
