// A lane makes one round after the other on stores of its own, with processes kept warm. Lanes share nothing but the tally.

import { keepWarm, type WarmChildren } from './crew.ts';
import type { Packed } from './pack-service.ts';
import { type QueueName, type Stores, startStores } from './stores.ts';
import type { Tally } from './tally.ts';
import type { TroubleName } from './troubles.ts';

export interface RoundOptions {
  /** Strikes in one round. */
  readonly strikesPerRound: number;
  readonly troubles: readonly TroubleName[];
  /** Strike at these instants alone; undefined for where it was struck least. */
  readonly forced: readonly number[] | undefined;
}

export interface Lane {
  readonly queue: QueueName;
  readonly packed: Packed;
  readonly stores: Stores;
  readonly warm: WarmChildren;
  readonly tally: Tally;
  readonly options: RoundOptions;
  stop(): Promise<void>;
}

const warmCount = 2;

export async function openLane(
  queue: QueueName,
  shared: { readonly packed: Packed; readonly tally: Tally; readonly options: RoundOptions },
): Promise<Lane> {
  const stores = await startStores(queue);
  const warm = keepWarm(shared.packed, warmCount);
  return {
    ...shared,
    queue,
    stores,
    warm,
    stop: async () => {
      await warm.stop();
      await stores.stop();
    },
  };
}
