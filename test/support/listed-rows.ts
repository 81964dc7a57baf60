// A few rows of each list, as they stand in the tables: every word of every filter is there, two and two have the same
// times, and what is listed is known to the test. Written by SQL: what deliveries lead to is promised elsewhere.
import type { Database } from '../../src/db/connect.ts';
import type { TestService } from './service.ts';

export type Row = Record<string, unknown>;

export const minute = (n: number) => `2026-03-01T00:${String(n).padStart(2, '0')}:00.000000Z`;
export const deliveryId = (n: number) => {
  const time = Date.parse(minute(n)).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-00000000000${n}`;
};
const pick = <Value>(values: readonly Value[], n: number) => values[n % values.length] ?? null;

// Two and two have the same times, so that an order needs more than a time.
const tied = (n: number) => minute(Math.floor(n / 2) * 2);
const expectedAt = tied;

export const sessionRows = Array.from({ length: 10 }, (_, n) => {
  const state = pick(
    ['settled', 'settled', 'settled', 'disputed', 'expired', 'expected', 'unrecoverable'],
    n,
  );
  const isSettled = state === 'settled' || state === 'disputed';
  const hasEnded = state === 'expired' || state === 'unrecoverable';
  return {
    session_id: `s-${9 - n}`,
    account: pick(['default', 'acme'], n),
    reference_id: pick(['anna', 'ben', null], n),
    state,
    verdict: isSettled ? pick(['pass', 'fail', 'retry'], n) : null,
    confirmation:
      state === 'disputed'
        ? 'contradicted'
        : isSettled
          ? pick(['unconfirmed', 'confirmed'], n)
          : 'unconfirmed',
    expected_at: expectedAt(n),
    settled_at: isSettled ? tied(n + 2) : null,
    verdict_at: isSettled ? tied(9 - n) : null,
    settled_source: isSettled ? pick(['webhook', 'pull'], n + 1) : null,
    ended_reason: hasEnded ? (state === 'expired' ? 'never_finished' : 'not_found') : null,
    expires_at: `2126-03-01T00:0${Math.floor(n / 3)}:00.000000Z`,
    pull_attempts: 0,
  };
});

const deliveryRows = Array.from({ length: 9 }, (_, n) => ({
  id: deliveryId(n),
  account: pick(['default', 'acme'], n),
  source: pick(['webhook', 'pull'], n),
  webhook_id: n === 4 ? null : `wh-${n}`,
  body_sha256: `\\x0${n}`,
  received_at: minute(n),
  state: pick(['done', 'ignored', 'parked'], n),
  kind: pick(['session_completed', 'face_matched', 'compliance_alert', 'unknown'], n),
  vendor_kind: pick(['liveness.verdict', 'face.matched', null], n),
  session_id: n === 8 ? null : `s-${9 - n}`,
  decision: pick(['settle', 'confirm', 'park'], n),
  reason: n % 3 === 2 ? 'unknown_kind' : null,
  attempts: 1,
  trace_id: n === 3 ? 'a'.repeat(32) : null,
  admission: pick(['signature', null, 'pull'], n),
  is_proven: true,
}));

// Whatever settled a session has stated its verdict.
const observationRows = deliveryRows
  .filter(({ decision, session_id }) => decision === 'settle' && session_id !== null)
  .map(({ id, account, source, session_id, received_at }) => ({
    delivery_id: id,
    account,
    source,
    session_id,
    verdict: 'pass',
    occurred_at: received_at,
    known_at: received_at,
  }));

// `m-5` names the id of a session of anna's in another account, and `m-6` is about her by that session alone.
export const matchRows = Array.from({ length: 7 }, (_, n) => ({
  match_id: `m-${n}`,
  account: pick(['default', 'acme'], n),
  delivery_id: deliveryId(n),
  session_id: n === 5 ? 's-9' : pick(['s-9', null], n),
  reference_id: n === 6 ? null : pick(['anna', 'carl'], n),
  face_id: pick(['f-1', 'f-2', null], n),
  external_face_id: pick(['e-1', null], n),
  collection_id: pick(['c-1', 'c-2'], n),
  is_match: pick([true, false, null], n),
  occurred_at: tied(9 - n),
  known_at: tied(n),
}));

// Of a match that has been told anew since.
export const formerMatchRows = [
  {
    kind: 'face_match',
    fact_id: 'm-0',
    account: 'default',
    delivery_id: deliveryId(8),
    reference_id: 'dora',
    known_at: minute(0),
    superseded_at: minute(1),
    row: {},
  },
];

const alertRows = matchRows.map((match, n) => ({
  alert_id: `a-${n}`,
  account: match.account,
  delivery_id: match.delivery_id,
  session_id: match.session_id,
  reference_id: match.reference_id,
  severity: pick(['low', 'high', null], n),
  category: pick(['x', 'y'], n),
  occurred_at: match.occurred_at,
  known_at: match.known_at,
  acknowledged_at: n === 1 ? minute(30) : null,
  resolved_at: n === 2 ? minute(30) : null,
}));
export const statusOf = (row: Row) =>
  row.alert_id === 'a-1' ? 'acknowledged' : row.alert_id === 'a-2' ? 'resolved' : 'open';

/** Fills the tables, which must be empty. */
export async function insertListedRows(db: Database): Promise<void> {
  for (const [table, rows] of [
    ['sessions', sessionRows],
    ['deliveries', deliveryRows],
    ['observations', observationRows],
    ['face_matches', matchRows],
    ['fact_versions', formerMatchRows],
    ['compliance_alerts', alertRows],
  ] as const) {
    const columns = Object.keys(rows[0] ?? {}).join(', ');
    await db.query({
      text: `insert into ${table} (${columns}) select ${columns} from json_populate_recordset(null::${table}, $1)`,
      values: [JSON.stringify(rows)],
    });
  }
}

/** All rows of a list, turning pages. Throws for an answer that is no page. */
export async function readAllRows(service: TestService, path: string, limit = 200): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: string | null = null;
  do {
    const separator: string = path.includes('?') ? '&' : '?';
    const place: string = cursor === null ? '' : `&cursor=${cursor}`;
    const { status, body } = await service.get(`${path}${separator}limit=${limit}${place}`);
    if (status !== 200) throw new Error(`${path} was answered with ${status}: ${body.detail}`);
    if (body.data.length > limit) throw new Error(`${path} gave more than ${limit} rows`);
    rows.push(...body.data);
    cursor = body.next_cursor;
  } while (cursor !== null);
  return rows;
}
