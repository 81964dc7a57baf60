// Traffic of one delivery for each session while something is killed, and the look afterwards whether each that was answered
// 202 is in the tables: settled by the delivery whose id was told, and told of once.
import { expect } from 'vitest';
import { outageOver } from './outage-over.ts';
import { apiKey, deliver, get, verdictPayload } from './service.ts';
import { until } from './until.ts';

export interface Traffic {
  /** Session id → delivery id, for each delivery that was answered 202. */
  readonly accepted: Map<string, string>;
  /** Statuses other than 202, and broken connections as `0`. */
  readonly refused: number[];
  stop(): Promise<void>;
}

// Senders that each post one delivery after another until they are told to stop, as iLive would: never twice.
export function startTraffic(url: string, senders: number): Traffic {
  const accepted = new Map<string, string>();
  const refused: number[] = [];
  let isStopped = false;
  const send = async () => {
    while (!isStopped) {
      const payload = verdictPayload();
      const answer = await deliver(url, payload).catch(() => undefined);
      if (answer?.status === 202) accepted.set(payload.session_id, answer.body.delivery_id);
      else refused.push(answer?.status ?? 0);
      if (answer === undefined) return;
    }
  };
  const sending = Array.from({ length: senders }, send);
  return {
    accepted,
    refused,
    stop: async () => {
      isStopped = true;
      await Promise.all(sending);
    },
  };
}

export async function expectAllSettled(url: string, accepted: ReadonlyMap<string, string>): Promise<void> {
  await outageOver(url);
  await until(
    async () => (await get(url, '/v1/deliveries?state=received&limit=1', apiKey)).body.data.length === 0,
    { describe: 'nothing is owed' },
  );
  const stored = await listAll(url, '/v1/deliveries');
  const told = Map.groupBy(stored, ({ session_id }) => session_id);
  const sessions = new Map((await listAll(url, '/v1/sessions')).map((row) => [row.session_id, row]));
  for (const [session_id, settled_by] of accepted) {
    expect(sessions.get(session_id)).toMatchObject({ session_id, state: 'settled', settled_by });
    expect(told.get(session_id)).toMatchObject([{ delivery_id: settled_by, state: 'done' }]);
  }
}

// By pages: of thousands, each asked about by itself would take longer than what the test is about.
// biome-ignore lint/suspicious/noExplicitAny: a test asserts what it finds
async function listAll(url: string, path: string): Promise<any[]> {
  const rows = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page = await get(url, `${path}?limit=200${cursor && `&cursor=${cursor}`}`, apiKey);
    expect(page.status).toBe(200);
    rows.push(...page.body.data);
    cursor = page.body.next_cursor;
  }
  return rows;
}
