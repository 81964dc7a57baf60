// What `POST /v1/sessions` did under an `Idempotency-Key`. The key is written before iLive is called and completed in the
// same transaction as the session, so that a repeat finds either the session or a request that is still under way.
import type { SessionId } from '../events/event.ts';
import type { Queries } from './connect.ts';

export interface KnownRequest {
  readonly requestSha256: Buffer;
  /** Null while the request is under way. */
  readonly sessionId: SessionId | null;
  readonly account: string | null;
  readonly sessionUrl: string | null;
}

// A request that is not through by then has died with its process.
const abandonedAfterMs = 10 * 60 * 1000;
const keptMs = 24 * 60 * 60 * 1000;

// Each further try means that another request gave the key back between our two statements.
const claimTries = 5;

/** Claims the key for a request; undefined when it is this request's now, else what is known of it. */
export async function recordIdempotencyKey(
  db: Queries,
  id: string,
  requestSha256: Buffer,
  now: Date,
): Promise<KnownRequest | undefined> {
  for (let left = claimTries; left > 0; left -= 1) {
    if (await claim(db, id, requestSha256, now)) return undefined;
    const [known] = await db.query<KnownRequest>({
      text: `select request_sha256 as "requestSha256", session_id as "sessionId", account,
                    session_url as "sessionUrl"
             from idempotency_keys where id = $1`,
      values: [id],
    });
    if (known !== undefined) return known;
  }
  // Others have it by turns: whoever goes on without it makes a session that a repeat would not find.
  return { requestSha256, sessionId: null, account: null, sessionUrl: null };
}

async function claim(db: Queries, id: string, requestSha256: Buffer, now: Date): Promise<boolean> {
  const made = await db.query({
    text: `insert into idempotency_keys as k (id, request_sha256, created_at) values ($1, $2, $3)
           on conflict (id) do update set request_sha256 = excluded.request_sha256, created_at = excluded.created_at
             where k.session_id is null and k.created_at < $4
           returning id`,
    values: [id, requestSha256, now.toISOString(), new Date(now.getTime() - abandonedAfterMs).toISOString()],
  });
  return made.length > 0;
}

/** Completes the key with what was made under it. */
export async function finishIdempotencyKey(
  db: Queries,
  id: string,
  made: { readonly sessionId: SessionId; readonly account: string; readonly sessionUrl: string | null },
): Promise<void> {
  await db.query({
    text: `update idempotency_keys set session_id = $2, account = $3, session_url = $4 where id = $1`,
    values: [id, made.sessionId, made.account, made.sessionUrl],
  });
}

/** Gives the key back after a request that made nothing. */
export async function dropIdempotencyKey(db: Queries, id: string): Promise<void> {
  await db.query({ text: `delete from idempotency_keys where id = $1 and session_id is null`, values: [id] });
}

/** Forgets at most `limit` keys that are older than a day; answers how many. */
export async function dropOldIdempotencyKeys(db: Queries, now: Date, limit: number): Promise<number> {
  const dropped = await db.query({
    text: `delete from idempotency_keys where id in
             (select id from idempotency_keys where created_at < $1 order by created_at limit $2)
           returning id`,
    values: [new Date(now.getTime() - keptMs).toISOString(), limit],
  });
  return dropped.length;
}
