// Stored deliveries processed again, a batch in a transaction of the caller's. All that the batch needs is held before
// anything is changed, what the deliveries speak of first and then they themselves, each in one order: so it can wait for
// live processing and never the two for each other. One that breaks is found by halving and told, and its neighbours go on.
import { halves } from '../batches.ts';
import type { Transaction } from '../db/connect.ts';
import { lockNames } from '../db/locks.ts';
import { findBodyBytes, holdDeliveries, loadDeliveries } from '../db/replay-deliveries.ts';
import { inSavepoint } from '../db/savepoint.ts';
import type { DeliveryState } from '../db/schema.ts';
import { detailOf } from '../db/trouble.ts';
import { ServiceError } from '../errors.ts';
import type { DeliveryId } from '../events/event.ts';
import type { KindCatalogue } from '../ilive/translate.ts';
import type { LedgerRules } from '../reconcile/ledger-rules.ts';
import { cutByBytes } from './cut-by-bytes.ts';
import { mendDeliveries, type ReadDelivery } from './mend-deliveries.ts';
import type { ChangeLog } from './row-changes.ts';
import { lockNamesOf, translateDelivery } from './translate-delivery.ts';

export interface ReplayRules {
  readonly catalogue: KindCatalogue;
  readonly ledger: LedgerRules;
  readonly now: () => Date;
}

export interface Replayed {
  /** How many deliveries are in each state now. */
  readonly outcomes: Readonly<Partial<Record<DeliveryState, number>>>;
  readonly failed: number;
  /** Why the last of them failed. */
  readonly detail: string | null;
}

/** Replays the deliveries, which are held by `holdForReplay`; one that fails alone is counted. Rows that change go into `log`. */
export async function replayBatch(
  tx: Transaction,
  ids: readonly DeliveryId[],
  rules: ReplayRules,
  log: ChangeLog,
): Promise<Replayed> {
  const items = await readDeliveries(tx, ids, rules);
  const replayed = await replayHeld(tx, items, rules, log);
  return { ...replayed, detail: replayed.detail ?? tellMissing(items) };
}

// Left as they are, and not in silence: whoever replays them expects an effect.
function tellMissing(items: readonly ReadDelivery[]): string | null {
  const missing = items.filter(({ translation }) => !translation.ok && translation.reason === 'body_missing');
  const [first] = missing;
  if (first === undefined) return null;
  return `body_missing: ${missing.length} of ${items.length} in the batch of ${first.delivery.id} have no bytes any more (BODIES_KEEP_DAYS) and stay as they are`;
}

/** The deliveries in batches of at most `maxDeliveries`, of fewer where their bodies are large. */
export async function cutForReplay(
  tx: Transaction,
  ids: readonly DeliveryId[],
  maxDeliveries: number,
): Promise<DeliveryId[][]> {
  const bytes = await findBodyBytes(tx, ids);
  return cutByBytes(ids, (id) => bytes.get(id) ?? 0, maxDeliveries);
}

/**
 * Holds all that a replay of these batches needs. To be called once in a transaction and before it writes anything: were each
 * to hold its own, live processing and this could wait for each other. Reads a batch at a time, since their bytes are
 * many; whoever replays them reads them again, as they are once they are held.
 */
export async function holdForReplay(
  tx: Transaction,
  batches: readonly (readonly DeliveryId[])[],
  rules: ReplayRules,
): Promise<void> {
  const names = new Set<string>();
  for (const ids of batches) {
    const items = await readDeliveries(tx, ids, rules);
    for (const name of lockNamesOf(items)) names.add(name);
  }
  if (names.size > 0) await lockNames(tx, [...names]);
  await holdDeliveries(tx, batches.flat());
}

async function readDeliveries(
  tx: Transaction,
  ids: readonly DeliveryId[],
  { catalogue }: ReplayRules,
): Promise<ReadDelivery[]> {
  const stored = await loadDeliveries(tx, ids);
  return stored.map((delivery) => ({ ...translateDelivery(delivery, catalogue), delivery }));
}

async function replayHeld(
  tx: Transaction,
  items: readonly ReadDelivery[],
  rules: ReplayRules,
  log: ChangeLog,
): Promise<Replayed> {
  const [first] = items;
  if (first === undefined) return { outcomes: {}, failed: 0, detail: null };
  try {
    const mend = () => mendDeliveries(tx, items, { ledger: rules.ledger, now: rules.now() }, log);
    return { outcomes: countStates(await inSavepoint(tx, mend)), failed: 0, detail: null };
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    if (items.length === 1) {
      return { outcomes: {}, failed: 1, detail: `${first.delivery.id}: ${detailOf(error)}` };
    }
    const [firstHalf, secondHalf] = halves(items);
    const before = await replayHeld(tx, firstHalf, rules, log);
    const after = await replayHeld(tx, secondHalf, rules, log);
    return {
      outcomes: addCounts(before.outcomes, after.outcomes),
      failed: before.failed + after.failed,
      detail: after.detail ?? before.detail,
    };
  }
}

/** Two counts by name as one. */
export function addCounts<Name extends string>(
  a: Readonly<Partial<Record<Name, number>>>,
  b: Readonly<Partial<Record<Name, number>>>,
): Partial<Record<Name, number>> {
  const sum: Partial<Record<Name, number>> = { ...a };
  for (const [name, count] of Object.entries(b) as [Name, number][]) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

function countStates(states: readonly DeliveryState[]): Partial<Record<DeliveryState, number>> {
  const counts: Partial<Record<DeliveryState, number>> = {};
  for (const state of states) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
