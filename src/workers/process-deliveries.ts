// A batch of ids → finished deliveries. Anything may ring with any ids: what is finished already falls out. One
// delivery that breaks its batch is found by halving and parked or retried alone, so that its neighbours are not
// delayed; the next time it is tried behind them. A batch that is too much for the database at once is halved too. Other
// trouble of the database is thrown and costs no delivery an attempt.
import { halves, shuffled } from '../batches.ts';
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
import { detailOf, isDataRefused, isTooMuch } from '../db/trouble.ts';
import { isUnavailable } from '../errors.ts';
import type { DeliveryId } from '../events/event.ts';
import type { KindCatalogue } from '../ilive/translate.ts';
import type { Log } from '../log.ts';
import type { LedgerRules } from '../reconcile/ledger-rules.ts';
import { applyBatch, holdBatch } from './apply-batch.ts';
import { cutByBytes } from './cut-by-bytes.ts';
import { park } from './finish-delivery.ts';
import { translateDelivery } from './translate-delivery.ts';

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

/** What was too much for the database by itself. */
interface Slow {
  readonly error: unknown;
  /** Undefined where not even its row could be read. */
  readonly delivery: LoadedDelivery | undefined;
}

interface Call extends ProcessDependencies {
  readonly slow: Slow[];
}

// Each has taken a statement's whole time, and others wait behind this call. What is left then is still owed, and next time those
// that failed come last.
const slowMax = 5;

/** When something was last applied to it, by whichever batch: then a database is not slow for everything. */
const appliedAt = new WeakMap<Database, number>();

/** Finishes those of the deliveries that are still owed. Throws `unavailable` when the database cannot say. */
export async function processDeliveries(deps: ProcessDependencies, ids: readonly string[]): Promise<void> {
  const call: Call = { ...deps, slow: [] };
  const beganAt = performance.now();
  let trouble: unknown;
  try {
    const owed = await loadOrHalve(call, ids as readonly DeliveryId[]);
    const fresh = owed.filter(({ attempts }) => attempts === 0);
    const triedBefore = owed.filter(({ attempts }) => attempts > 0);
    const pieces = cutByBytes(fresh, ({ largeBytes }) => largeBytes ?? 0);
    for (const piece of pieces) await applyOrHalve(call, piece);
    for (const delivery of shuffled(triedBefore)) await applyOrHalve(call, [delivery]);
  } catch (error) {
    trouble = error;
  }
  // By now nobody is held up any more, whatever becomes of the counting.
  if (trouble === undefined || isTooMuch(trouble)) {
    const uncounted = await keepSlowApart(call, beganAt);
    trouble ??= uncounted;
  }
  if (trouble !== undefined) throw trouble;
}

async function loadOrHalve(call: Call, ids: readonly DeliveryId[]): Promise<readonly LoadedDelivery[]> {
  try {
    return await loadOwedDeliveries(call.db, ids, call.now());
  } catch (error) {
    if (!isTooMuch(error)) throw error;
    if (ids.length <= 1) {
      noteSlow(call, { error, delivery: undefined });
      return [];
    }
    const [first, second] = halves(ids);
    return [...(await loadOrHalve(call, first)), ...(await loadOrHalve(call, second))];
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

// For one that is to be parked: also without its bytes where they are what is too much, then as of a kind that nobody knows.
async function withLargeBody(db: Database, delivery: LoadedDelivery): Promise<OwedDelivery> {
  try {
    const [whole = delivery] = await withLargeBodies(db, [delivery]);
    return whole;
  } catch (error) {
    if (isTooMuch(error)) return delivery;
    throw error;
  }
}

async function applyOrHalve(call: Call, piece: readonly LoadedDelivery[]): Promise<void> {
  const [delivery] = piece;
  if (delivery === undefined) return;
  const beganAt = performance.now();
  try {
    const whole = await withLargeBodies(call.db, piece);
    const batch = whole.map((each) => translateDelivery(each, call.catalogue));
    const finished = await call.db.transactionFrom(
      (tx) => holdBatch(tx, batch),
      (tx, ground) => applyBatch(tx, batch, ground, { now: call.now, ledger: call.ledger }),
    );
    appliedAt.set(call.db, performance.now());
    call.onFinished(finished, secondsSince(beganAt));
  } catch (error) {
    if (isUnavailable(error) && !isTooMuch(error)) throw error;
    if (piece.length > 1) for (const half of shuffled(halves(piece))) await applyOrHalve(call, half);
    else if (isTooMuch(error)) noteSlow(call, { error, delivery });
    else await keepApart(call, delivery, { isRefused: isDataRefused(error), detail: detailOf(error) });
  }
}

function noteSlow(call: Call, slow: Slow): void {
  if (call.slow.length === slowMax) throw slow.error;
  call.slow.push(slow);
}

// Only where something went through meanwhile, here or in another batch, is it the delivery, and not a database that is slow for
// everything. Answers the error of one that cannot be kept apart.
async function keepSlowApart({ slow, ...deps }: Call, since: number): Promise<unknown> {
  const hasApplied = (appliedAt.get(deps.db) ?? Number.NEGATIVE_INFINITY) > since;
  if (slow.length > 0 && !hasApplied) return slow[0]?.error;
  for (const { delivery, error } of slow) {
    const detail = `${detailOf(error)}, tried by itself`;
    if (delivery !== undefined) await keepApart(deps, delivery, { isRefused: false, detail });
  }
  return slow.find(({ delivery }) => delivery === undefined)?.error;
}

interface Failure {
  readonly isRefused: boolean;
  readonly detail: string;
}

// What the database refuses it will refuse again; anything else may pass: a bug of ours, or somebody who holds a session.
async function keepApart(
  deps: ProcessDependencies,
  delivery: LoadedDelivery,
  { isRefused, detail }: Failure,
): Promise<void> {
  const startedAt = performance.now();
  deps.log.error(
    { delivery: delivery.id, traceId: delivery.traceId, detail, attempts: delivery.attempts + 1 },
    'a delivery could not be processed',
  );
  if (!isRefused && delivery.attempts + 1 < deps.maxAttempts) {
    await countAttempt(deps.db, delivery, detail, deps.now());
    return;
  }
  const item = translateDelivery(await withLargeBody(deps.db, delivery), deps.catalogue);
  const parked = park(item, isRefused ? 'rejected_by_database' : 'attempts_spent', detail);
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
