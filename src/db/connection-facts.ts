// What Postgres says of the connections to it: whether it answers, what a commit waits for, whether they are encrypted, and how many processes of
// this service hold some of them.
import type { Queries } from './connect.ts';

/** Whether the database answers. */
export function answers(db: Queries): Promise<boolean> {
  return db.query({ text: 'select 1' }).then(
    () => true,
    () => false,
  );
}

export interface Wire {
  readonly isEncrypted: boolean;
  /** Whether both ends have one address, or none, as a Unix socket. */
  readonly hasOneAddress: boolean;
}

export async function readWire(db: Queries): Promise<Wire> {
  const [row] = await db.query<Wire>({
    text: `select coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false) as "isEncrypted",
                  inet_client_addr() is not distinct from inet_server_addr() as "hasOneAddress"`,
  });
  if (row === undefined) throw new Error('a connection always has two ends');
  return row;
}

/** `synchronous_commit` of the sessions of `db`. */
export async function readCommitSetting(db: Queries): Promise<string> {
  const [row] = await db.query<{ setting: string }>({
    text: `select current_setting('synchronous_commit') as setting`,
  });
  return row?.setting ?? '';
}

/** The name of the one pool by which a process can be told from others. It looks at the database's clock all the time, so it never closes. */
export function processPoolName(role: string, processId: string): string {
  return `read ${role}-${processId}`;
}

/** How many processes of each role are connected to this database, on whatever machine. */
export async function countProcesses(db: Queries): Promise<ReadonlyMap<string, number>> {
  const rows = await db.query<{ role: string; count: string }>({
    text: `
      select role, count(distinct name) as count from (
        select application_name as name, substring(application_name from '^ilive-webhooks read ([a-z]+)-') as role
        from pg_stat_activity where datname = current_database()) named
      where role is not null group by role`,
  });
  return new Map(rows.map(({ role, count }) => [role, Number(count)]));
}
