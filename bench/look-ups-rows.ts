// The rows of an installation that has run for ninety days, made in SQL: sessions of many people, the deliveries that told of
// them, what these led to. Values are as unevenly spread as in life: most sessions pass and are settled by webhook, what
// went wrong is rare, the expected ones are the newest, and one bad day has most of the unrecoverable ones. Row `i` is the
// same in every run but for the day on which the ninety days end.
import type { Database, Transaction } from '../src/db/connect.ts';

// Triggers would note a change for every row, which nobody reads here. A table that was emptied in the same transaction is written past the log where the server has been told to keep no more
// of it than a crash needs (`wal_level=minimal`).
const filled = ['sessions', 'observations', 'deliveries', 'face_matches', 'compliance_alerts'];
const prepare = [
  'set local session_replication_role = replica',
  `set local maintenance_work_mem = '512MB'`,
  `truncate ${filled.join(', ')}`,
];

/** A number from 0 to 1, the same for the same row and `n`. */
const dice = (row: string, n: number) => `((hashint8extended(${row}, ${n}) & 1048575) / 1048576.0)`;
const sessionOf = (i: string) => `md5('session-' || ${i})::uuid::text`;
const accountOf = (i: string) =>
  `case when ${dice(i, 1)} < 0.95 then 'default' when ${dice(i, 1)} < 0.99 then 'acme' else 'beta' end`;
const idOf = (at: string, n: string) =>
  `(lpad(to_hex((extract(epoch from ${at}) * 1000)::bigint), 12, '0') || '7' || substr(md5((${n})::text), 1, 3) ||
    '8' || substr(md5((${n})::text), 4, 15))::uuid`;
const isBadDay = 'i between $1::bigint / 5 and $1::bigint / 5 + $1::bigint / 90';

// $1: how many sessions; $2: when the ninety days end.
const fillSessions = `
  insert into sessions (session_id, account, reference_id, state, verdict, confidence, verdict_at, confirmation, expected_at,
    settled_at, settled_by, settled_source, ended_reason, ended_at, registered_at, dialect, expires_at, next_pull_at, pull_attempts)
  select session_id, account, reference_id, state,
         case when is_settled then case when ${dice('i', 5)} < 0.85 then 'pass' when ${dice('i', 5)} < 0.95 then 'fail' else 'retry' end end,
         case when is_settled then ${dice('i', 6)} end,
         case when is_settled then done_at - interval '2 s' * ${dice('i', 7)} end,
         case when state = 'disputed' then 'contradicted' when is_settled and ${dice('i', 8)} < 0.3 then 'confirmed' else 'unconfirmed' end,
         expected_at,
         case when is_settled then done_at end,
         case when is_settled then ${idOf('expected_at', 'i * 3')} end,
         case when is_settled then case when ${dice('i', 9)} < 0.97 then 'webhook' else 'pull' end end,
         case state when 'expired' then 'never_finished'
           when 'unrecoverable' then case when is_bad_day then 'not_answered' else (array['token_refused', 'not_found', 'unreadable_answer', 'no_token', 'not_asked'])[1 + (i % 5)] end end,
         case when state in ('expired', 'unrecoverable') then expected_at + interval '31 min' end,
         expected_at, 'reference', expected_at + interval '30 min',
         case when state = 'expected' then expected_at + interval '20 s' end, 0
  from (
    select *, state in ('settled', 'disputed') as is_settled, expected_at + interval '3 min' * ${dice('i', 10)} as done_at
    from (
      select i, ${sessionOf('i')} as session_id, ${accountOf('i')} as account, case when ${dice('i', 2)} < 0.0005 then 'user-0'
                  when ${dice('i', 2)} < 0.95 then 'user-' || (1 + floor(${dice('i', 3)} * ($1::bigint / 3)))::bigint end as reference_id,
             $2::timestamptz - interval '90 days' * (1 - i * 3 / ($1::float8 * 3)) as expected_at,
             ${isBadDay} as is_bad_day,
             case when i > $1::bigint * 0.998 then 'expected'
                  when ${dice('i', 4)} < 0.001 then 'disputed'
                  when ${dice('i', 4)} < 0.025 then 'expired'
                  when ${dice('i', 4)} < 0.026 then 'unrecoverable'
                  when ${dice('i', 4)} < 0.5 and ${isBadDay} then 'unrecoverable'
                  else 'settled' end as state
      from generate_series(1, $1::bigint) i
      offset 0
    ) numbered
    offset 0
  ) dated`;

const fillObservations = `
  insert into observations (session_id, account, delivery_id, source, verdict, confidence, reference_id, occurred_at, known_at)
  select session_id, account, settled_by, settled_source, verdict, confidence, reference_id, verdict_at, settled_at
  from sessions where settled_by is not null`;

// Three for each session: its verdict; a pull's confirmation or the same verdict again; a match, an alert or something else.
const fillDeliveries = `
  insert into deliveries (id, account, source, webhook_id, body_sha256, received_at, received_on, state, kind, vendor_kind, session_id,
    decision, reason, detail, attempts, finished_at, trace_id, admission)
  select ${idOf('received_at', 'n')}, account, source,
         case when source = 'pull' then 'pull:' || session_id when ${dice('n', 21)} < 0.98 then 'wh_' || md5(n::text) end,
         sha256(convert_to(n::text, 'UTF8')), received_at, (received_at at time zone 'UTC')::date, state, kind,
         case when source = 'webhook' then vendor_kind end, case when kind <> 'unknown' then session_id end,
         decision, case when state = 'parked' then case when kind = 'unknown' then 'unknown_kind' else (array['disputed', 'unreadable_body', 'attempts_spent'])[1 + n % 3] end end,
         null, 1, case when state <> 'received' then received_at + interval '30 ms' end,
         case when ${dice('n', 22)} < 0.01 then md5('trace-' || n) end,
         case when ${dice('n', 23)} < 0.0001 then case when n % 2 = 0 then 'pull' else 'signature' end end
  from (
    select *,
      case what when 'match' then 'face_matched' when 'alert' then 'compliance_alert' when 'ignored' then 'unknown' when 'strange' then 'unknown' else 'session_completed' end as kind,
      case what when 'match' then 'face.matched' when 'alert' then 'compliance.alert' when 'ignored' then 'probe' when 'strange' then 'liveness.kind_' || n % 7 else 'liveness.verdict' end as vendor_kind,
      case what when 'settle' then 'settle' when 'confirm' then 'confirm' when 'repeat' then 'repeat' when 'ignored' then 'ignore'
                when 'strange' then 'park' else 'record' end as decision,
      case when n > $1::bigint * 3 - 50 then 'received' when what = 'ignored' then 'ignored'
           when what = 'strange' or ${dice('n', 24)} < 0.0005 then 'parked' else 'done' end as state,
      case when what = 'confirm' or (what = 'settle' and ${dice('i', 9)} >= 0.97) then 'pull' else 'webhook' end as source
    from (
      select n, n / 3 as i, ${sessionOf('n / 3')} as session_id, ${accountOf('n / 3')} as account,
             $2::timestamptz - interval '90 days' * (1 - n / ($1::float8 * 3)) as received_at,
             case when n % 3 = 0 then 'settle'
                  when n % 3 = 1 then case when ${dice('n / 3', 8)} < 0.3 then 'confirm' else 'repeat' end
                  when ${dice('n', 25)} < 0.3 then 'match' when ${dice('n', 25)} < 0.4 then 'alert'
                  when ${dice('n', 25)} < 0.402 then 'strange' when ${dice('n', 25)} < 0.41 then 'ignored'
                  else 'repeat' end as what
      from generate_series(1, $1::bigint * 3) n
      offset 0
    ) numbered
    offset 0
  ) told`;

const fillFaceMatches = `
  insert into face_matches (match_id, account, delivery_id, session_id, reference_id, face_id, external_face_id, collection_id,
    similarity, threshold, is_match, occurred_at, known_at)
  select 'match-' || d.id, d.account, d.id, d.session_id, s.reference_id, md5('face-' || d.id)::uuid::text,
         'external-' || hashtext(s.reference_id), 'collection-' || floor(30 * pow(random(), 3)), random(), 0.5, random() < 0.95,
         d.received_at - interval '1 s' * random(), d.received_at + interval '30 ms'
  from deliveries d join sessions s on s.session_id = d.session_id and s.account = d.account
  where d.kind = 'face_matched' order by d.id`;

const fillComplianceAlerts = `
  insert into compliance_alerts (alert_id, account, delivery_id, session_id, reference_id, severity, category, message, details,
    occurred_at, known_at, acknowledged_at, acknowledged_by, resolved_at, resolved_by)
  select 'alert-' || d.id, d.account, d.id, d.session_id, s.reference_id,
         case when random() < 0.8 then 'low' when random() < 0.9 then 'medium' else 'high' end,
         case when random() < 0.005 then 'verdict_dispute' else 'category-' || floor(12 * pow(random(), 2)) end, 'A message', '{}',
         d.received_at - interval '1 s' * random(), d.received_at + interval '30 ms',
         case when random() < 0.02 then d.received_at + interval '1 h' end, 'ops',
         case when random() < 0.9 then d.received_at + interval '2 h' end, 'ops'
  from deliveries d join sessions s on s.session_id = d.session_id and s.account = d.account
  where d.kind = 'compliance_alert' order by d.id`;

/** Fills the tables, which must be empty, and lets the planner know what is in them. */
export async function fillTables(
  db: Database,
  { sessions, now }: { readonly sessions: number; readonly now: Date },
  tell: (done: string) => void = () => {},
): Promise<void> {
  await db.transaction(async (tx) => {
    for (const text of prepare) await tx.query({ text });
    const indexes = [...(await takeConstraints(tx)), ...(await takeIndexes(tx))];
    const values = [sessions, now.toISOString()];
    await fill(tx, 'sessions', { text: fillSessions, values }, tell);
    await fill(tx, 'observations', { text: fillObservations }, tell);
    await fill(tx, 'deliveries', { text: fillDeliveries, values }, tell);
    await tx.query({ text: 'analyze sessions, deliveries' });
    await fill(tx, 'face_matches', { text: fillFaceMatches }, tell);
    await fill(tx, 'compliance_alerts', { text: fillComplianceAlerts }, tell);
    for (const text of indexes)
      await fill(tx, / (?:constraint|INDEX) (\S+)/.exec(text)?.[1] ?? '', { text }, tell);
  });
  await db.query({ text: 'vacuum (analyze)' });
}

// An index is made faster at once over all rows than row by row, and so is one that stands behind a key. Both answer what
// makes each of them again.
async function takeConstraints(tx: Transaction): Promise<string[]> {
  const rows = await tx.query<{ table: string; name: string; definition: string }>({
    text: `select conrelid::regclass::text as table, quote_ident(conname) as name, pg_get_constraintdef(oid) as definition
           from pg_constraint where contype in ('p', 'u') and conrelid::regclass::text = any($1)`,
    values: [filled],
  });
  for (const { table, name } of rows)
    await tx.query({ text: `alter table ${table} drop constraint ${name}` });
  return rows.map(
    ({ table, name, definition }) => `alter table ${table} add constraint ${name} ${definition}`,
  );
}

async function takeIndexes(tx: Transaction): Promise<string[]> {
  const rows = await tx.query<{ name: string; definition: string }>({
    text: `select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition from pg_index
           where indrelid::regclass::text = any($1) and not indisunique`,
    values: [filled],
  });
  for (const { name } of rows) await tx.query({ text: `drop index ${name}` });
  return rows.map(({ definition }) => definition);
}

async function fill(
  tx: Transaction,
  table: string,
  statement: { readonly text: string; readonly values?: unknown[] },
  tell: (done: string) => void,
): Promise<void> {
  const began = performance.now();
  await tx.query(statement);
  tell(`${table} (${((performance.now() - began) / 1_000).toFixed(1)} s)`);
}
