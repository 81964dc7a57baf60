// What a delivery is once it has been decided about: its final state, with what was decided and why.
import type { FinishedDelivery } from '../db/deliveries.ts';
import type { SessionKey } from '../db/sessions.ts';
import type { Decision } from '../events/decide.ts';
import type { Event } from '../events/event.ts';
import type { TranslatedDelivery } from './translate-delivery.ts';

export function finish(
  { delivery, translation }: TranslatedDelivery,
  event: Event,
  decision: Decision,
  key: SessionKey | undefined,
): FinishedDelivery {
  const common = {
    id: delivery.id,
    kind: event.kind,
    vendorKind: 'vendorKind' in translation ? translation.vendorKind : null,
    sessionId: key?.sessionId ?? null,
    decision: decision.decision,
    detail: toldBy(translation),
  };
  switch (decision.decision) {
    case 'settle':
    case 'confirm':
    case 'repeat':
    case 'record':
      return { ...common, state: 'done', reason: null };
    case 'ignore':
      return { ...common, state: 'ignored', reason: null };
    case 'dispute':
      return { ...common, state: 'parked', reason: 'disputed' };
    case 'park':
      return { ...common, state: 'parked', reason: decision.reason };
  }
}

/** It proves nothing: what iLive answers about its session counts, and none of what it says itself. */
export function finishHint(item: TranslatedDelivery, key: SessionKey | undefined): FinishedDelivery {
  const parked = { ...park(item, 'unproven'), sessionId: key?.sessionId ?? null };
  if (parked.kind !== 'session_completed') return parked;
  return {
    ...parked,
    state: 'done',
    decision: 'record',
    reason: null,
    detail: "unproven: a hint, for which iLive's answer counts",
  };
}

/** One that has no effect: kept for somebody to look at. */
export function park(
  { delivery, translation }: TranslatedDelivery,
  reason: string,
  detail = toldBy(translation),
): FinishedDelivery {
  const { kind } = translation.ok ? translation.event : { kind: 'unknown' as const, ...translation };
  return {
    id: delivery.id,
    state: 'parked',
    decision: 'park',
    kind,
    vendorKind: 'vendorKind' in translation ? translation.vendorKind : null,
    sessionId: null,
    reason,
    detail,
  };
}

function toldBy(translation: TranslatedDelivery['translation']): string | null {
  return ('detail' in translation ? translation.detail : null) ?? null;
}
