// A batch of ids → finished deliveries. Anything may ring with any ids: what is finished already falls out. One
// delivery that breaks its batch is found by halving and parked or retried alone, so that its neighbours are not
// delayed; the next time it is tried behind them. A batch that is too much for the database at once is halved too. Other
// trouble of the database is thrown and costs no delivery an attempt.
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
import { isDataRefused, isTooMuch } from '../db/trouble.ts';
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

interface Call extends ProcessDependencies {
  /** What was too much for the database by itself, and why. */
  readonly slow: { readonly item: TranslatedDelivery; readonly error: unknown }[];
  /** How many of them in a row, with nothing gone through between. */
  slowInARow: number;
  hasGoneThrough: boolean;
}

// One delivery that waits for a session's lock has others of that session beside it. More than so many in a row, each a
// statement's whole time, and it is the database that is slow, for everything.
const slowInARowMax = 5;

/** Finishes those of the deliveries that are still owed. Throws `unavailable` when the database cannot say. */
export async function processDeliveries(deps: ProcessDependencies, ids: readonly string[]): Promise<void> {
  const call: Call = { ...deps, slow: [], slowInARow: 0, hasGoneThrough: false };
  const owed = await inHalves(ids as readonly DeliveryId[], (some) => loadOwedDeliveries(deps.db, some));
  const fresh = owed.filter(({ attempts }) => attempts === 0);
  const triedBefore = owed.filter(({ attempts }) => attempts > 0);
  const pieces = cutByBytes(fresh, ({ largeBytes }) => largeBytes ?? 0);
  for (const piece of [...pieces, ...triedBefore.map((delivery) => [delivery])]) {
    const whole = await withLargeBodies(deps.db, piece);
    const batch = whole.map((delivery) => translateDelivery(delivery, deps.catalogue));
    await applyOrHalve(call, batch);
  }
  await countSlow(call);
}

/** All that `load` gives for the items; asked for in halves where it is too much for the database at once. */
async function inHalves<Item, Row>(
  items: readonly Item[],
  load: (items: readonly Item[]) => Promise<readonly Row[]>,
): Promise<readonly Row[]> {
  try {
    return await load(items);
  } catch (error) {
    if (!isTooMuch(error) || items.length <= 1) throw error;
    const [first, second] = halves(items);
    return [...(await inHalves(first, load)), ...(await inHalves(second, load))];
  }
}

function halves<T>(items: readonly T[]): readonly [readonly T[], readonly T[]] {
  const middle = Math.ceil(items.length / 2);
  return [items.slice(0, middle), items.slice(middle)];
}

async function withLargeBodies(
  db: Database,
  piece: readonly LoadedDelivery[],
): Promise<readonly OwedDelivery[]> {
  const large = piece.filter(({ largeBytes }) => largeBytes !== null);
  if (large.length === 0) return piece;
  const bodies = new Map(await inHalves(large, async (some) => [...(await loadLargeBodies(db, some))]));
  return piece.map((delivery) => ({ ...delivery, body: bodies.get(delivery.id) ?? delivery.body }));
}

async function applyOrHalve(call: Call, batch: readonly TranslatedDelivery[]): Promise<void> {
  const [item] = batch;
  if (item === undefined) return;
  const startedAt = performance.now();
  try {
    const finished = await call.db.transaction((tx) =>
      applyBatch(tx, batch, { now: call.now, ledger: call.ledger }),
    );
    call.slowInARow = 0;
    call.hasGoneThrough = true;
    call.onFinished(finished, secondsSince(startedAt));
  } catch (error) {
    if (isUnavailable(error) && !isTooMuch(error)) throw error;
    if (batch.length > 1) for (const half of halves(batch)) await applyOrHalve(call, half);
    else if (isTooMuch(error)) noteSlow(call, item, error);
    else await keepApart(call, item, failureOf(error));
  }
}

function noteSlow(call: Call, item: TranslatedDelivery, error: unknown): void {
  if (call.slowInARow === slowInARowMax) throw error;
  call.slowInARow += 1;
  call.slow.push({ item, error });
}

// Only where others went through beside it is it the delivery, and not a database that is slow for everything. By then
// nobody is held up any more, whatever becomes of the counting.
async function countSlow({ slow, hasGoneThrough, ...deps }: Call): Promise<void> {
  for (const { item, error } of slow) {
    if (!hasGoneThrough) throw error;
    const { code } = (error as { cause: { code?: string } }).cause;
    await keepApart(deps, item, { isRefused: false, detail: `SQLSTATE ${code}, tried by itself` });
  }
}

interface Failure {
  readonly isRefused: boolean;
  readonly detail: string;
}

function failureOf(error: unknown): Failure {
  const isRefused = isDataRefused(error);
  // The message of a database error may quote the data; its code does not.
  const detail = isRefused ? `SQLSTATE ${(error as { code?: string }).code}` : String(error).slice(0, 500);
  return { isRefused, detail };
}

// What the database refuses it will refuse again; anything else may pass: a bug of ours, or somebody who holds a session.
async function keepApart(
  deps: ProcessDependencies,
  { delivery, translation }: TranslatedDelivery,
  { isRefused, detail }: Failure,
): Promise<void> {
  const startedAt = performance.now();
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
  const isTaken = await deps.db.transaction(async (tx) => {
    const taken = await takeDeliveries(tx, [delivery.id]);
    if (taken.has(delivery.id)) await finishDeliveries(tx, [parked], deps.now());
    return taken.has(delivery.id);
  });
  if (isTaken) deps.onFinished([parked], secondsSince(startedAt));
}

function secondsSince(startedAt: number): number {
  return (performance.now() - startedAt) / 1000;
}
