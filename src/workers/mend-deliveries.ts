// What a replay leaves alone, and what it mends. A delivery that has had its effect is left alone as long as the effect is
// there; what is missing is made by the very code that processes live deliveries. Nothing is taken away: what is done
// stays done, what was finished is not parked, and no session is asked about again for what was known already.
import type { Transaction } from '../db/connect.ts';
import { type FinishedDelivery, finishDeliveries } from '../db/deliveries.ts';
import { factId } from '../db/facts.ts';
import {
  type AffectedRows,
  findSessionRows,
  holdSessionRows,
  readRows,
  type SessionSaid,
  type StoredDelivery,
} from '../db/replay-deliveries.ts';
import type { DeliveryState } from '../db/schema.ts';
import { type SessionToApply, sessionKeyText } from '../db/sessions.ts';
import { decide } from '../events/decide.ts';
import { disputeOf } from '../events/dispute.ts';
import type { DeliveryId } from '../events/event.ts';
import type { Standing } from '../events/session.ts';
import { type LedgerRules, type Mentioned, planSession } from '../reconcile/ledger-rules.ts';
import { applyItems } from './apply-batch.ts';
import { type Knowledge, loadKnowledge } from './batch-knowledge.ts';
import { finishHint, park } from './finish-delivery.ts';
import type { ChangeLog } from './row-changes.ts';
import { factText, isFact, sessionOf, sessionsOf, type TranslatedDelivery } from './translate-delivery.ts';

/** A stored delivery with what it says by the catalogue of now. */
export interface ReadDelivery extends TranslatedDelivery {
  readonly delivery: StoredDelivery;
}

export interface MendOptions {
  readonly ledger: LedgerRules;
  readonly now: Date;
}

/** Mends what is missing of `all` and gives each delivery's state; only for deliveries that are held, with all that they speak of. */
export async function mendDeliveries(
  tx: Transaction,
  all: readonly ReadDelivery[],
  { ledger, now }: MendOptions,
  log: ChangeLog,
): Promise<DeliveryState[]> {
  const readable = all.filter((item) => !isLeftAlone(item));
  const known = await loadKnowledge(tx, readable);
  const items = await withoutEffect(tx, readable, known);
  const states = new Map<DeliveryId, DeliveryState>(all.map(({ delivery }) => [delivery.id, delivery.state]));
  if (items.length > 0) {
    const affected = affectedBy(items);
    await holdSessionRows(tx, affected.sessions);
    const rows = await findSessionRows(tx, affected.sessions);
    const before = await readRows(tx, affected);
    const fresh = new Set(sessionsOf(items.filter(isFresh)).map(sessionKeyText));
    const plan = (mentioned: Mentioned, standing: Standing | undefined) => {
      const text = sessionKeyText(mentioned.key);
      const planned = planSession(mentioned, standing, ledger, now);
      const row = rows.get(text);
      return row === undefined || fresh.has(text) ? planned : mendSession(planned, row, known);
    };
    const finished = await applyItems(tx, items, known, { now, ledger, plan });
    const changed = finished.flatMap((each, index) => newsOf(each, items[index]?.delivery) ?? []);
    if (changed.length > 0) await finishDeliveries(tx, changed, now);
    for (const { id, state } of changed) states.set(id, state);
    log.add(before, await readRows(tx, affected));
  }
  return [...states.values()];
}

// A contradiction is parked for an operator to see, and has had its effect all the same.
function hadEffect({ state, reason }: StoredDelivery): boolean {
  return state === 'done' || reason === 'disputed';
}

function isLeftAlone(item: ReadDelivery): boolean {
  const { delivery, translation } = item;
  if (delivery.state === 'received') return false;
  // Without its bytes nobody can say more than was said then.
  if (!translation.ok && translation.reason === 'body_missing') return true;
  // An unsigned one has iLive asked, which is done once: when it is first understood.
  if (!delivery.isProven) {
    const told = translation.ok ? finishHint(item, sessionOf(item)) : park(item, translation.reason);
    return newsOf(told, delivery) === undefined;
  }
  // What was done as one kind is not done again as another, nor undone where the kind has been unlearnt.
  if (hadEffect(delivery)) return !translation.ok || translation.event.kind !== delivery.kind;
  return delivery.state === 'ignored' && (!translation.ok || translation.event.kind === 'unknown');
}

// Whose observation or row is there already, and whose session is, has had its effect.
async function withoutEffect(
  tx: Transaction,
  items: readonly ReadDelivery[],
  known: Knowledge,
): Promise<ReadDelivery[]> {
  const finished = items.filter(({ delivery }) => hadEffect(delivery));
  const present = await findSessionRows(tx, sessionsOf(finished));
  return items.filter((item) => {
    const { delivery, translation } = item;
    if (!hadEffect(delivery) || !translation.ok) return true;
    const { event } = translation;
    const key = sessionOf(item);
    if (key !== undefined && !present.has(sessionKeyText(key))) return true;
    if (isFact(event)) {
      const recorded = known.recorded.get(factText(delivery.account, event));
      return decide({ observations: [], recorded }, event).decision !== 'repeat';
    }
    const observations = (key && known.observations.get(sessionKeyText(key))) ?? [];
    if (!observations.some(({ deliveryId }) => deliveryId === delivery.id)) return true;
    // The alert of a dispute is nobody's own; it is made again where it is missing.
    return key !== undefined && disputeOf(key.sessionId, observations) !== undefined;
  });
}

// One that nobody has processed yet, or an unsigned one that is understood only now, counts as if it had just come.
function isFresh({ delivery }: ReadDelivery): boolean {
  return delivery.state === 'received' || !delivery.isProven;
}

// A row changes where the observations amount to something else than it says, and its schedule with it; else it stays.
function mendSession(
  planned: SessionToApply,
  row: SessionSaid,
  known: Knowledge,
): SessionToApply | undefined {
  const { key, standing } = planned;
  const observations = known.observations.get(sessionKeyText(key)) ?? [];
  const isBehind =
    row.settledBy !== null && !observations.some(({ deliveryId }) => deliveryId === row.settledBy);
  // The row knows more than the observations that are there: some were lost and will follow.
  if (isBehind) return undefined;
  const isOther =
    standing !== undefined &&
    (standing.state !== row.state ||
      standing.confirmation !== row.confirmation ||
      standing.settledBy !== row.settledBy);
  if (isOther) return planned;
  const referenceId = standing?.referenceId ?? row.referenceId;
  if (planned.expectedAt >= row.expectedAt && referenceId === row.referenceId) return undefined;
  const nextPullAt = standing === undefined || row.nextPullAt === null ? null : new Date(row.nextPullAt);
  return { ...planned, nextPullAt };
}

// The row of a delivery says when and how it was finished; it changes only where that comes out otherwise.
function newsOf(
  finished: FinishedDelivery,
  before: StoredDelivery | undefined,
): FinishedDelivery | undefined {
  if (before === undefined || before.state === 'received') return finished;
  if (hadEffect(before)) return undefined;
  if (before.state === 'ignored' && finished.state === 'parked') {
    return finished.decision === 'dispute' ? { ...finished, state: 'done' } : undefined;
  }
  const { state, reason, kind } = finished;
  return state !== before.state || reason !== before.reason || kind !== before.kind ? finished : undefined;
}

function affectedBy(items: readonly ReadDelivery[]): AffectedRows {
  return {
    deliveryIds: items.map(({ delivery }) => delivery.id),
    sessions: sessionsOf(items),
    facts: items.flatMap(({ delivery, translation }) =>
      translation.ok && isFact(translation.event)
        ? [{ kind: translation.event.kind, id: factId(translation.event), account: delivery.account }]
        : [],
    ),
  };
}
