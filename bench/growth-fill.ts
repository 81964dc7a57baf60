// Fills a data folder with the rows of ninety days as fast as the machine writes: with a Postgres that is told to keep no
// log and to wait for no disk, since nothing here needs to survive a crash. That Postgres is stopped again and everything
// written to the disk, so that what is measured afterwards stands on the folder as the product would run on it.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Database } from '../src/db/connect.ts';
import { migrate } from '../src/db/migrate.ts';
import { fillTables } from './look-ups-rows.ts';
import { connectOnce } from './own-connection.ts';
import { startPostgresOn } from './start-service.ts';

const run = promisify(execFile);

const hastySettings = {
  fsync: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '32GB',
  shared_buffers: '512MB',
  autovacuum: 'off',
};
const deliveriesPerSession = 3;
const days = 90;
const fillTimeoutMs = 4 * 60 * 60 * 1_000;

// As long as a verdict of iLive's, and none of it the same in two of them.
const fillBodies = `
  insert into delivery_bodies (delivery_id, received_at, headers, body)
  select id, received_at,
         json_build_object('content-type', 'application/json', 'x-ilive-webhook-id', webhook_id,
           'x-ilive-signature', 'sha256=' || encode(body_sha256, 'hex'), 'user-agent', 'iLive-Webhooks/1.0'),
         convert_to('{"event":"liveness.verdict","session_id":"' || coalesce(session_id, '') || '","filling":"' ||
           encode(body_sha256, 'hex') || encode(sha256(body_sha256), 'hex') || encode(sha512(body_sha256), 'hex') ||
           encode(sha256(sha512(body_sha256)), 'hex') || '"}', 'UTF8')
  from deliveries`;

/** Fills the folder; `tell` hears of every step. */
export async function fillDataDir(
  dataDir: string,
  { deliveries, now }: { readonly deliveries: number; readonly now: Date },
  tell: (done: string) => void,
): Promise<void> {
  const postgres = await startPostgresOn(dataDir, hastySettings);
  const db = connectOnce(postgres.url, fillTimeoutMs);
  try {
    await migrate(postgres.url);
    await fillTables(db, { sessions: Math.ceil(deliveries / deliveriesPerSession), now }, tell);
    const began = performance.now();
    await fillDays(db, now);
    tell(`delivery_bodies (${((performance.now() - began) / 1_000).toFixed(1)} s)`);
  } finally {
    await db.close();
    await postgres.stop();
  }
  await run('sync');
}

async function fillDays(db: Database, now: Date): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.query({ text: 'set local session_replication_role = replica' });
    for (let ago = days; ago >= 0; ago -= 1) {
      const [from, to] = [isoDay(now, -ago), isoDay(now, 1 - ago)];
      const name = `delivery_bodies_${from.replaceAll('-', '')}`;
      await tx.query({
        text: `create table if not exists ${name} partition of delivery_bodies for values from ('${from}') to ('${to}')`,
      });
    }
    await tx.query({ text: fillBodies });
    // Nothing is owed and no session is open: whoever starts here finds no work.
    await tx.query({
      text: `update deliveries set state = 'ignored', finished_at = received_at where state = 'received'`,
    });
    await tx.query({
      text: `update sessions set state = 'expired', ended_reason = 'never_finished', ended_at = expires_at, next_pull_at = null
             where state = 'expected'`,
    });
  });
  await db.query({ text: 'vacuum (analyze)' });
}

function isoDay(now: Date, daysLater: number): string {
  return new Date(now.getTime() + daysLater * 86_400_000).toISOString().slice(0, 10);
}
