// A replay as an operator starts and follows it, through the service's API and nothing else.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stage } from './stage.ts';

/** The service's answer about a replay, as far as it is looked at here. */
export interface ReplayAnswer {
  readonly replay_id: string;
  readonly state: 'running' | 'paused' | 'cancelled' | 'done';
  readonly created_at: string;
  readonly finished_at: string | null;
  readonly matching: number;
  readonly replayed: number;
  readonly failed: number;
  readonly changes: Readonly<Record<string, { readonly created: number; readonly updated: number }>>;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly detail: string | null;
}

const pollMs = 200;

/** Starts a replay of everything that was received before `to`. */
export async function startReplay(stage: Stage, to: Date, confirm: number): Promise<ReplayAnswer> {
  const filter = { to: to.toISOString() };
  const why = 'a benchmark of replays';
  return (await stage.ask('POST', '/v1/ops/replays', 201, { filter, why, confirm })) as ReplayAnswer;
}

/** Looks until the replay is as far as `isThere` says. Throws when it ends otherwise or takes too long. */
export async function followReplay(
  stage: Stage,
  id: string,
  isThere: (replay: ReplayAnswer) => boolean,
  { deadlineMs, signal }: { deadlineMs: number; signal: AbortSignal },
): Promise<ReplayAnswer> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const replay = (await stage.ask('GET', `/v1/ops/replays/${id}`, 200)) as ReplayAnswer;
    if (isThere(replay)) return replay;
    if (replay.state !== 'running' || performance.now() > deadline) {
      const { state, replayed, failed, matching, detail } = replay;
      throw new Error(`the replay is ${state} with ${replayed} + ${failed} of ${matching}: ${detail}`);
    }
    await sleep(pollMs, undefined, { signal });
  }
}

export function handledCount({ replayed, failed }: ReplayAnswer): number {
  return replayed + failed;
}
