// Having deliveries replayed, and waiting for it.
import { expect } from 'vitest';
import type { Operator } from './operator.ts';
import { until } from './until.ts';

export const why = 'a test';

/** The replay once it no longer runs. */
export const over = (service: Operator, id: string) =>
  until(
    async () => {
      const { body } = await service.ops('GET', `/replays/${id}`);
      return body.state === 'running' ? undefined : body;
    },
    { describe: 'the replay is over' },
  );

/** Begins a replay and waits until it is over. */
export async function replay(service: Operator, body: object) {
  const begun = await service.ops('POST', '/replays', { why, ...body });
  expect({ status: begun.status, detail: begun.body.detail ?? null }).toEqual({ status: 201, detail: null });
  return over(service, begun.body.replay_id);
}

export const ignoring = { ILIVE_IGNORED_KINDS: 'means.nothing' };
