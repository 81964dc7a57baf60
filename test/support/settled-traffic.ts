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

const looksAtOnce = 8;

export async function expectAllSettled(url: string, accepted: ReadonlyMap<string, string>): Promise<void> {
  await outageOver(url);
  await until(
    async () => (await get(url, '/v1/deliveries?state=received&limit=1', apiKey)).body.data.length === 0,
    {
      describe: 'nothing is owed',
    },
  );
  let count = 0;
  const left = accepted.entries(); // each is taken by one of those that look
  const look = async () => {
    for (const [sessionId, deliveryId] of left) {
      const { body } = await get(url, `/v1/sessions/${sessionId}`, apiKey);
      expect(body).toMatchObject({ state: 'settled', settled_by: deliveryId });
      expect(body.observations).toHaveLength(1);
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: looksAtOnce }, look));
  expect(count).toBe(accepted.size);
}
