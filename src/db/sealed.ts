// What in the tables is sealed with which encryption key: the refused requests that may still be admitted, and the tokens of
// sessions that are still asked about, and the addresses of those that were just created. The signing secrets are few and are looked at one by one.
import { sealKeyId } from '../cipher.ts';
import type { Queries } from './connect.ts';

export interface SealedCount {
  readonly what: 'refusals' | 'tokens' | 'addresses';
  readonly key: string;
  readonly count: number;
  /** Whether a process tried these and they did not open there. */
  readonly isUnopened: boolean;
}

const countedMax = 100_000;
/** In front of what is sealed and kept as a text, in base64. */
export const sealedPrefix = 'sealed:';

/** `unopened` is what a diagnosis of a refusal that did not open was made with. */
export async function countSealed(db: Queries, unopened: string): Promise<SealedCount[]> {
  // The key's id stands in clear in front, behind a byte that says how long it is.
  const rows = await db.query<Omit<SealedCount, 'key' | 'count'> & { head: Buffer; count: string }>({
    name: 'count-sealed',
    text: `
      select 'refusals' as what, substring(headers for get_byte(headers, 0) + 1) as head,
             coalesce(diagnosed_with = $1, false) as "isUnopened", count(*)
      from refusals where delivery_id is null and is_sealed group by 2, 3
      union all
      select 'tokens', substring(token for get_byte(token, 0) + 1), false, count(*)
      from (
        select token from sessions where (state = 'expected' or next_pull_at is not null) and token is not null limit ${countedMax}
      ) t
      group by 2
      union all
      select 'addresses', substring(head for get_byte(head, 0) + 1), false, count(*)
      from (
        select decode(substring(session_url from ${sealedPrefix.length + 1} for 48), 'base64') as head
        from idempotency_keys where session_url like '${sealedPrefix}%' limit ${countedMax}
      ) u
      group by 2`,
    values: [unopened],
  });
  return rows.map(({ what, head, isUnopened, count }) => ({
    what,
    key: sealKeyId(head),
    isUnopened,
    count: Number(count),
  }));
}
