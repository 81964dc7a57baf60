// A batch of ids → finished deliveries. Anything may ring with any ids: what is finished already falls out. One
// delivery that breaks its batch is found by halving and parked or retried alone, so that its neighbours are not
// delayed. Trouble of the database is thrown and costs no delivery an attempt.
import type { Database } from '../db/connect.ts';
import {
  countAttempt,
  type FinishedDelivery,
  finishDeliveries,
  type LoadedDelivery,
  loadLargeBodies,
  loadOwedDeliveries,
  type OwedDelivery,
  takeDeliveries,
} from '../db/deliveries.ts';
import { isDataRefused } from '../db/trouble.ts';
import { isUnavailable } from '../errors.ts';
import type { DeliveryId } from '../events/event.ts';
import type { KindCatalogue } from '../ilive/translate.ts';
import type { Log } from '../log.ts';
import type { LedgerRules } from '../reconcile/ledger-rules.ts';
import { applyBatch } from './apply-batch.ts';
import { cutByBytes } from './cut-by-bytes.ts';
import { type TranslatedDelivery, translateDelivery } from './translate-delivery.ts';

export interface ProcessDependencies {
  readonly db: Database;
  readonly catalogue: KindCatalogue;
  readonly ledger: LedgerRules;
  /** Tries that fail for no reason of the database's before a delivery is parked. */
  readonly maxAttempts: number;
  readonly log: Log;
  readonly now: () => Date;
  readonly onFinished: (finished: readonly FinishedDelivery[], seconds: number) => void;
}

/** Finishes those of the deliveries that are still owed. Throws `unavailable` when the database cannot say. */
export async function processDeliveries(deps: ProcessDependencies, ids: readonly string[]): Promise<void> {
  const owed = await loadOwedDeliveries(deps.db, ids as readonly DeliveryId[]);
  for (const piece of cutByBytes(owed, ({ largeBytes }) => largeBytes ?? 0)) {
    const whole = await withLargeBodies(deps.db, piece);
    const batch = whole.map((delivery) => translateDelivery(delivery, deps.catalogue));
    await applyOrHalve(deps, batch);
  }
}

async function withLargeBodies(
  db: Database,
  piece: readonly LoadedDelivery[],
): Promise<readonly OwedDelivery[]> {
  const large = piece.filter(({ largeBytes }) => largeBytes !== null);
  if (large.length === 0) return piece;
  const bodies = await loadLargeBodies(db, large);
  return piece.map((delivery) => ({ ...delivery, body: bodies.get(delivery.id) ?? delivery.body }));
}

async function applyOrHalve(deps: ProcessDependencies, batch: readonly TranslatedDelivery[]): Promise<void> {
  const [first] = batch;
  if (first === undefined) return;
  const startedAt = performance.now();
  try {
    const finished = await deps.db.transaction((tx) =>
      applyBatch(tx, batch, { now: deps.now, ledger: deps.ledger }),
    );
    deps.onFinished(finished, (performance.now() - startedAt) / 1000);
  } catch (error) {
    if (isUnavailable(error)) throw error;
    if (batch.length === 1) return keepApart(deps, first, error);
    const middle = Math.ceil(batch.length / 2);
    await applyOrHalve(deps, batch.slice(0, middle));
    await applyOrHalve(deps, batch.slice(middle));
  }
}

// What the database refuses it will refuse again; anything else is a bug of ours, which may be a passing one.
async function keepApart(deps: ProcessDependencies, item: TranslatedDelivery, error: unknown): Promise<void> {
  const { delivery, translation } = item;
  const isRefused = isDataRefused(error);
  // The message of a database error may quote the data; its code does not.
  const detail = isRefused ? `SQLSTATE ${(error as { code?: string }).code}` : String(error).slice(0, 500);
  deps.log.error(
    { delivery: delivery.id, traceId: delivery.traceId, detail, attempts: delivery.attempts + 1 },
    'a delivery could not be processed',
  );
  if (!isRefused && delivery.attempts + 1 < deps.maxAttempts) {
    await countAttempt(deps.db, delivery.id, detail);
    return;
  }
  const parked: FinishedDelivery = {
    id: delivery.id,
    state: 'parked',
    kind: translation.ok ? translation.event.kind : 'unknown',
    vendorKind: 'vendorKind' in translation ? translation.vendorKind : null,
    sessionId: null,
    decision: 'park',
    reason: isRefused ? 'rejected_by_database' : 'attempts_spent',
    detail,
  };
  await deps.db.transaction(async (tx) => {
    const taken = await takeDeliveries(tx, [delivery.id]);
    if (taken.has(delivery.id)) await finishDeliveries(tx, [parked], deps.now());
  });
  deps.onFinished([parked], 0);
}
