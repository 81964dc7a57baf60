// What a replay is to take in, as it is stored beside it: times as texts, so that what is read is what was written.
import type { DeliveryFilter } from '../db/find-deliveries.ts';

export type StoredFilter = Omit<DeliveryFilter, 'from' | 'to'> & {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
};

export function storeFilter({ from, to, ...others }: DeliveryFilter): StoredFilter {
  return { ...others, from: from?.toISOString(), to: to?.toISOString() };
}

export function readFilter({ from, to, ...others }: StoredFilter): DeliveryFilter {
  return {
    ...others,
    from: from === undefined ? undefined : new Date(from),
    to: to === undefined ? undefined : new Date(to),
  };
}
