// What the service itself says of how complete it is, and whether that is so: its counts must add up, and must be those
// of the rows that it shows. Pure, but for the reading.
import { type Api, ask, type Row } from './read-tables.ts';

/** The service's answer, as it gives it. */
export interface Completeness {
  readonly from: string;
  readonly to: string;
  readonly expected: number;
  readonly settled_by_webhook: number;
  readonly settled_by_pull: number;
  readonly disputed: number;
  readonly expired: number;
  readonly unrecoverable: number;
  readonly open: number;
  readonly adds_up: boolean;
  readonly settle_delay_ms: { readonly p50: number | null; readonly p99: number | null };
  readonly oldest_open_at: string | null;
}

const marginMs = 1_000;

export async function readCompleteness(api: Api, startedAt: Date): Promise<Completeness> {
  const from = new Date(startedAt.getTime() - marginMs).toISOString();
  const to = new Date(Date.now() + marginMs).toISOString();
  const said = await ask(api, `/v1/completeness?${new URLSearchParams({ from, to })}`);
  if (said === undefined) throw new Error('the service has no GET /v1/completeness');
  return said as unknown as Completeness;
}

/** What is wrong with it, in sentences; `sessions` are all rows of the run. */
export function judgeCompleteness(said: Completeness, sessions: readonly Row[]): string[] {
  const isSettledBy = (source: string) => (row: Row) =>
    row.state === 'settled' && row.settled_source === source;
  const isIn = (state: string) => (row: Row) => row.state === state;
  const counts = {
    expected: sessions.length,
    settled_by_webhook: sessions.filter(isSettledBy('webhook')).length,
    settled_by_pull: sessions.filter(isSettledBy('pull')).length,
    disputed: sessions.filter(isIn('disputed')).length,
    expired: sessions.filter(isIn('expired')).length,
    unrecoverable: sessions.filter(isIn('unrecoverable')).length,
    open: sessions.filter(isIn('expected')).length,
  };
  const { expected, ...ways } = said;
  const sum =
    ways.settled_by_webhook +
    ways.settled_by_pull +
    ways.disputed +
    ways.expired +
    ways.unrecoverable +
    ways.open;
  return [
    ...(said.adds_up && sum === expected ? [] : [`completeness does not add up: ${JSON.stringify(said)}`]),
    ...Object.entries(counts)
      .filter(([name, count]) => said[name as keyof typeof counts] !== count)
      .map(
        ([name, count]) =>
          `completeness says ${name} ${said[name as keyof typeof counts]}, and the tables say ${count}`,
      ),
  ];
}
