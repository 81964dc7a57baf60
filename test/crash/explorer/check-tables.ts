// What must be true of the tables whatever was killed, asked in SQL of the tables themselves and not of the service: nothing
// acknowledged is missing, nothing has two effects, nothing is half done, nothing is held for ever. Each breach is a sentence.
// It changes nothing.
import type { Client } from 'pg';

/** A delivery that was answered 202: what its sender knows of it. */
export interface Acknowledged {
  readonly deliveryId: string;
  /** The id that was sent. */
  readonly webhookId: string;
  /** Of the bytes that were sent, in hex. */
  readonly bodySha256: string;
}

/** Longest that anything may be held; the settings of the explorer's services are no longer. */
export const longestLeaseSeconds = 12;
const shownRows = 3;

interface Rule {
  readonly breach: string;
  /** Selects what breaks it. */
  readonly text: string;
}

const rules: readonly Rule[] = [
  {
    breach: 'deliveries of the same bytes under the same webhook id have two rows',
    text: `select webhook_id, account, count(*) from deliveries group by webhook_id, body_sha256, account having count(*) > 1`,
  },
  {
    breach: 'a delivery has not exactly one body',
    text: `select d.id, count(b.*) from deliveries d left join delivery_bodies b on b.delivery_id = d.id
           group by d.id having count(b.*) <> 1`,
  },
  {
    breach: 'a body belongs to no delivery',
    text: `select delivery_id from delivery_bodies where delivery_id not in (select id from deliveries)`,
  },
  {
    // One that a pull has just brought is under way.
    breach: 'a delivery is still owed',
    text: `select id, received_at from deliveries where state = 'received' and received_at < now() - interval '5 seconds'`,
  },
  {
    breach: 'a delivery is finished in part',
    text: `select id, state, decision, reason from deliveries where state <> 'received'
           and (finished_at is null or decision is null or (state = 'parked') <> (reason is not null))`,
  },
  {
    breach: 'a delivery has two observations',
    text: `select delivery_id, count(*) from observations group by 1 having count(*) > 1`,
  },
  {
    breach: 'a verdict was processed and there is no observation of it',
    text: `select id, decision from deliveries d where decision in ('settle', 'confirm', 'dispute') and is_proven
           and not exists (select from observations o where o.delivery_id = d.id)`,
  },
  {
    breach: 'an observation belongs to a delivery that did not take effect',
    text: `select o.delivery_id, d.state, d.decision from observations o left join deliveries d on d.id = o.delivery_id
           where d.id is null or d.state = 'received'`,
  },
  {
    breach: 'a session shows a verdict that no observation tells',
    text: `select session_id, verdict from sessions s where verdict is not null and not exists (
             select from observations o where o.session_id = s.session_id and o.account = s.account
             and o.delivery_id = s.settled_by and o.verdict = s.verdict)`,
  },
  {
    breach: 'a verdict was told and its session has none',
    text: `select s.session_id, s.state from observations o join sessions s using (session_id, account) where s.verdict is null`,
  },
  {
    breach: 'a face match or an alert belongs to no delivery',
    text: `select delivery_id from (select delivery_id from face_matches union all select delivery_id from compliance_alerts) f
           where not exists (select from deliveries d where d.id = f.delivery_id and d.state <> 'received')`,
  },
  {
    breach: 'a face match was told twice in the feed',
    text: `select data->>'match_id' as id, count(*) from changes where type = 'face_match_recorded'
           group by account, data->>'match_id', data having count(*) > 1`,
  },
  {
    breach: 'an alert was told twice in the feed',
    text: `select data->>'alert_id' as id, count(*) from changes where type = 'compliance_alert_recorded'
           group by account, data->>'alert_id', data having count(*) > 1`,
  },
  {
    breach: 'a session was told twice in the feed with nothing changed in between',
    text: `select session_id, type, seq from (
             select *, lag(data) over w as data_before, lag(type) over w as type_before, lag(reference_id) over w as reference_before
             from changes where type like 'session%' window w as (partition by session_id, account order by generation, xid, seq)) c
           where data = data_before and type = type_before and reference_id is not distinct from reference_before`,
  },
  {
    breach: 'the last that the feed told of a session is not what its row says',
    text: `select s.session_id, s.verdict, c.data->>'verdict' as told from sessions s left join lateral (
             select data, reference_id from changes c where c.session_id = s.session_id and c.account = s.account and type like 'session%'
             order by generation desc, xid desc, seq desc limit 1) c on true
           where s.verdict is not null
             and (c.data->>'verdict', c.reference_id) is distinct from (s.verdict, s.reference_id)`,
  },
  {
    breach: 'a session is leased for longer than any lease',
    text: `select session_id, pull_lease_until from sessions where pull_lease_until > now() + interval '${longestLeaseSeconds} seconds'`,
  },
  {
    breach: 'a refusal became a delivery that is not there',
    text: `select id from refusals where delivery_id is not null and delivery_id not in (select id from deliveries)`,
  },
  {
    breach: 'a replay has not ended, or has counted something twice or not at all',
    text: `select id, state, matching, replayed, failed, detail from replays
           where state = 'running' or (state = 'done' and not replayed + failed between matching and
             (select count(*) from deliveries where id <= up_to))`,
  },
  {
    breach: 'the audit has a gap or a double number',
    text: `select seq from (select seq, row_number() over (order by seq) as place from audit_entries) a where seq <> place`,
  },
];

/** Breaches of everything above, and each acknowledged delivery that is not there. */
export async function checkTables(client: Client, acknowledged: readonly Acknowledged[]): Promise<string[]> {
  const breaches: string[] = [];
  for (const { breach, text } of rules) {
    const { rows } = await client.query(text);
    if (rows.length === 0) continue;
    const shown = rows.slice(0, shownRows).map((row) => JSON.stringify(row));
    breaches.push(`${breach} (${rows.length}): ${shown.join(', ')}`);
  }
  return [...breaches, ...(await findMissing(client, acknowledged))];
}

// A repeat that came during an outage was answered with an id of its own, which leads nowhere once the first is found; its
// bytes are there under the first one's.
async function findMissing(client: Client, acknowledged: readonly Acknowledged[]): Promise<string[]> {
  const { rows } = await client.query<{ id: string; request: string }>(requestsText);
  const requestOf = new Map(rows.map(({ id, request }) => [id, request]));
  const requests = new Set(requestOf.values());
  return acknowledged.flatMap(({ deliveryId, webhookId, bodySha256 }) => {
    const found = requestOf.get(deliveryId);
    const sent = `${webhookId} ${bodySha256}`;
    if (found === sent || (found === undefined && requests.has(sent))) return [];
    const fate = found === undefined ? 'is missing, its bytes too' : `is another one's (${found})`;
    return [`delivery ${deliveryId} (${sent}) was answered 202 and ${fate}`];
  });
}

const requestsText = `select id, webhook_id || ' ' || encode(body_sha256, 'hex') as request from deliveries`;

/** Whatever of the services is still connected or locked, after all of them have ended. */
export async function checkNothingHeld(client: Client): Promise<string[]> {
  const { rows: connections } = await client.query(
    `select application_name, state, left(query, 80) as query from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`,
  );
  const { rows: locks } = await client.query(
    `select locktype, mode from pg_locks where locktype = 'advisory'
     and database = (select oid from pg_database where datname = current_database())`,
  );
  const { rows: prepared } = await client.query(
    `select gid from pg_prepared_xacts where database = current_database()`,
  );
  const say = (what: string, rows: readonly unknown[]) =>
    rows.length === 0 ? [] : [`${what} (${rows.length}): ${JSON.stringify(rows.slice(0, shownRows))}`];
  return [
    ...say('a connection outlives the service', connections),
    ...say('an advisory lock is still held', locks),
    ...say('a transaction was prepared and left', prepared),
  ];
}
