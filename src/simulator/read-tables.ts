// Reads back, over the service's own API, every row of one run. Lists come newest first, so reading stops where rows are
// older than the run, whatever else the database holds. Of the sessions some are also read one by one, which shows their
// observations.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Secret } from '../secret.ts';

export type Row = Readonly<Record<string, unknown>>;

export interface Tables {
  readonly sessions: readonly Row[];
  readonly sessionDetails: readonly Row[];
  readonly faceMatches: readonly Row[];
  readonly complianceAlerts: readonly Row[];
  readonly deliveries: readonly Row[];
}

export interface Api {
  readonly url: string;
  readonly key: Secret;
  readonly signal: AbortSignal;
}

export interface Extent {
  /** With it every uuid of the run begins. */
  readonly mark: string;
  readonly startedAt: Date;
  /** The deliveries that were accepted; they belong to the run whatever webhook id they have. */
  readonly deliveryIds: ReadonlySet<string>;
  /** Sessions to read one by one as well. */
  readonly sessionIds: readonly string[];
}

const pageRows = 200; // the most that the API gives
const clockSkewMs = 60_000;

// The service's own ids for the answer about a session, and for a dispute about one.
const ownPrefix = /^(pull|dispute):/;

/** What the delivery is called that holds the vendor's answer about a session. */
export function pullName(sessionId: string): string {
  return `pull:${sessionId}`;
}

/** The id of the service's own alert about a session. */
export function disputeName(sessionId: string): string {
  return `dispute:${sessionId}`;
}

export async function readTables(api: Api, extent: Extent): Promise<Tables> {
  const since = new Date(extent.startedAt.getTime() - clockSkewMs).toISOString();
  const isOurs = (field: string) => (row: Row) =>
    String(row[field]).replace(ownPrefix, '').startsWith(`${extent.mark}-`) ||
    extent.deliveryIds.has(String(row.delivery_id));
  const sessionDetails = [];
  for (const id of extent.sessionIds) {
    const row = await ask(api, `/v1/sessions/${id}`);
    if (row !== undefined) sessionDetails.push(row);
  }
  return {
    sessions: (await readList(api, '/v1/sessions', 'expected_at', since)).filter(isOurs('session_id')),
    sessionDetails,
    faceMatches: (await readList(api, '/v1/face-matches', 'known_at', since)).filter(isOurs('match_id')),
    complianceAlerts: (await readList(api, '/v1/compliance-alerts', 'known_at', since)).filter(
      isOurs('alert_id'),
    ),
    deliveries: (await readList(api, '/v1/deliveries', 'received_at', since)).filter(isOurs('webhook_id')),
  };
}

// A settled session may be looked at once more much later; nobody waits for that.
const soonMs = 5_000;

/** How many of these sessions have no verdict yet, or are to be asked about now. */
export async function countSilent(
  api: Api,
  { startedAt }: Extent,
  ids: ReadonlySet<string>,
): Promise<number> {
  const since = new Date(startedAt.getTime() - clockSkewMs).toISOString();
  const rows = await readList(api, '/v1/sessions', 'expected_at', since);
  const isDue = ({ next_pull_at: at }: Row) => typeof at === 'string' && Date.parse(at) < Date.now() + soonMs;
  const quiet = rows.filter((row) => ids.has(String(row.session_id)) && row.verdict !== null && !isDue(row));
  return ids.size - quiet.length;
}

/** How many of the run's deliveries are not finished yet. */
export async function countOwed(api: Api, { mark, startedAt, deliveryIds }: Extent): Promise<number> {
  const since = new Date(startedAt.getTime() - clockSkewMs).toISOString();
  const owed = await readList(api, '/v1/deliveries?state=received', 'received_at', since);
  const isOurs = (row: Row) =>
    deliveryIds.has(String(row.delivery_id)) || String(row.webhook_id).startsWith(pullName(mark));
  return owed.filter(isOurs).length;
}

async function readList(api: Api, path: string, timeField: string, since: string): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: string | null = null;
  do {
    const url = new URL(path, 'http://any');
    url.searchParams.set('limit', String(pageRows));
    if (cursor !== null) url.searchParams.set('cursor', cursor);
    const page = (await ask(api, `${url.pathname}${url.search}`)) as
      | { data: Row[]; next_cursor: string | null }
      | undefined;
    if (page === undefined || !Array.isArray(page.data))
      throw new Error(`${path} did not answer a page of rows`);
    rows.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor !== null && String(rows.at(-1)?.[timeField] ?? '') >= since);
  return rows;
}

const attemptCount = 3;
const retryDelayMs = 500;
const timeoutMs = 30_000;

interface AskOptions {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | null;
}

/** Asks the API and gives its answer; undefined for 404. Throws what the API says otherwise. */
export async function ask(
  api: Api,
  path: string,
  { method = 'GET', headers, body = null }: AskOptions = {},
): Promise<Row | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    const response = await fetch(`${api.url.replace(/\/$/, '')}${path}`, {
      method,
      headers: { authorization: `Bearer ${api.key.reveal()}`, ...headers },
      body,
      signal: AbortSignal.any([api.signal, AbortSignal.timeout(timeoutMs)]),
    });
    if (response.ok) return (await response.json()) as Row;
    const said = await response.text();
    if (response.status === 404) return undefined;
    if (response.status === 429) {
      // As long as it asks for: a run asks more often than any service would.
      const seconds = Number(response.headers.get('retry-after') ?? 1);
      await sleep(seconds * 1_000, undefined, { signal: api.signal });
      continue;
    }
    if (response.status < 500 || attempt >= attemptCount) {
      throw new Error(`${method} ${path} answered ${response.status}: ${said.slice(0, 300)}`);
    }
    await sleep(retryDelayMs, undefined, { signal: api.signal });
  }
}
