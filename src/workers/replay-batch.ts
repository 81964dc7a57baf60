// Stored deliveries processed again, in a transaction of the caller's. What has had its effect is left alone, row by row;
// what is missing is made, by the very code that processes live deliveries. A replay mends and never takes away: what is
// done stays done, and nothing that was finished is parked by it.
import type { Transaction } from '../db/connect.ts';
import { type FinishedDelivery, finishDeliveries } from '../db/deliveries.ts';
import {
  type AffectedRows,
  findSessionRows,
  holdDeliveries,
  readRows,
  type StoredDelivery,
} from '../db/replay-deliveries.ts';
import type { DeliveryState } from '../db/schema.ts';
import { sessionKeyText } from '../db/sessions.ts';
import { ServiceError } from '../errors.ts';
import type { DeliveryId } from '../events/event.ts';
import type { KindCatalogue } from '../ilive/translate.ts';
import type { LedgerRules } from '../reconcile/ledger-rules.ts';
import { applyItems } from './apply-batch.ts';
import { type Knowledge, loadKnowledge } from './batch-knowledge.ts';
import type { ChangeLog } from './row-changes.ts';
import {
  factId,
  factKeyText,
  isFact,
  sessionOf,
  sessionsOf,
  type TranslatedDelivery,
  translateDelivery,
} from './translate-delivery.ts';

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

/** Replays the deliveries; one that fails alone is counted, and its neighbours go on. Rows that change go into `log`. */
export async function replayBatch(
  tx: Transaction,
  ids: readonly DeliveryId[],
  rules: ReplayRules,
  log: ChangeLog,
): Promise<Replayed> {
  await tx.query({ text: 'savepoint replay_batch' });
  try {
    const outcomes = await replayTogether(tx, ids, rules, log);
    await tx.query({ text: 'release savepoint replay_batch' });
    return { outcomes, failed: 0, detail: null };
  } catch (error) {
    // A wait for a lock that was given up is the database's trouble, not the delivery's.
    if (error instanceof ServiceError || (error as { code?: string }).code === lockNotAvailable) throw error;
    await tx.query({ text: 'rollback to savepoint replay_batch' });
    if (ids.length === 1) return { outcomes: {}, failed: 1, detail: `${ids[0]}: ${describe(error)}` };
    const middle = Math.ceil(ids.length / 2);
    const first = await replayBatch(tx, ids.slice(0, middle), rules, log);
    const second = await replayBatch(tx, ids.slice(middle), rules, log);
    return {
      outcomes: addCounts(first.outcomes, second.outcomes),
      failed: first.failed + second.failed,
      detail: second.detail ?? first.detail,
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

export const lockNotAvailable = '55P03';

type Item = TranslatedDelivery & { readonly delivery: StoredDelivery };

async function replayTogether(
  tx: Transaction,
  ids: readonly DeliveryId[],
  { catalogue, ledger, now }: ReplayRules,
  log: ChangeLog,
): Promise<Partial<Record<DeliveryState, number>>> {
  const stored = await holdDeliveries(tx, ids);
  const all = stored.map((delivery): Item => ({ ...translateDelivery(delivery, catalogue), delivery }));
  const mayChange = all.filter((item) => !isForbidden(item));
  const known = await loadKnowledge(tx, mayChange);
  const items = await withoutEffect(tx, mayChange, known);
  const states = new Map<DeliveryId, DeliveryState>(stored.map(({ id, state }) => [id, state]));
  if (items.length > 0) {
    const affected = affectedBy(items);
    const before = await readRows(tx, affected);
    const finished = await applyItems(tx, items, known, { now: now(), ledger });
    const changed = finished.filter((each, index) => isNews(each, items[index]?.delivery));
    if (changed.length > 0) await finishDeliveries(tx, changed, now());
    for (const { id, state } of changed) states.set(id, state);
    log.add(before, await readRows(tx, affected));
  }
  return countStates([...states.values()]);
}

// What was finished is not parked for what we have unlearnt since, and an unsigned hint is not asked about again.
function isForbidden({ delivery, translation }: Item): boolean {
  if (delivery.state === 'received' || delivery.state === 'parked') return false;
  if (!delivery.isProven || !translation.ok) return true;
  return translation.event.kind === 'unknown';
}

// Whose observation or row is there already, and whose session is, has had its effect.
async function withoutEffect(tx: Transaction, items: readonly Item[], known: Knowledge): Promise<Item[]> {
  const sessions = sessionsOf(items);
  const present = await findSessionRows(tx, sessions);
  const isPresent = new Set(sessions.filter((_, index) => present[index]).map(sessionKeyText));
  return items.filter((item) => {
    const { delivery, translation } = item;
    if (delivery.state === 'received' || !translation.ok) return true;
    const key = sessionOf(item);
    if (key !== undefined && !isPresent.has(sessionKeyText(key))) return true;
    const { event } = translation;
    if (isFact(event)) return !known.recorded.has(factKeyText(delivery.account, event));
    const observations = (key && known.observations.get(sessionKeyText(key))) ?? [];
    return !observations.some(({ deliveryId }) => deliveryId === delivery.id);
  });
}

// The row of a delivery says when and how it was finished; it changes only where that comes out otherwise.
function isNews(finished: FinishedDelivery, before: StoredDelivery | undefined): boolean {
  if (before === undefined || before.state === 'received') return true;
  if (before.state === 'done') return false;
  if (before.state === 'ignored' && finished.state === 'parked') return false;
  const { state, reason, kind } = finished;
  return state !== before.state || reason !== before.reason || kind !== before.kind;
}

function affectedBy(items: readonly Item[]): AffectedRows {
  const facts = items.flatMap(({ delivery, translation }) =>
    translation.ok && isFact(translation.event)
      ? [{ kind: translation.event.kind, id: factId(translation.event), account: delivery.account }]
      : [],
  );
  return {
    deliveryIds: items.map(({ delivery }) => delivery.id),
    sessions: sessionsOf(items),
    matches: facts.filter(({ kind }) => kind === 'face_matched'),
    alerts: facts.filter(({ kind }) => kind === 'compliance_alert'),
  };
}

function countStates(states: readonly DeliveryState[]): Partial<Record<DeliveryState, number>> {
  return states.reduce<Partial<Record<DeliveryState, number>>>(
    (counts, state) => addCounts(counts, { [state]: 1 }),
    {},
  );
}

// The message of a database error may quote the data; its code does not.
function describe(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return code === undefined ? String(message).slice(0, 200) : `SQLSTATE ${code}`;
}
