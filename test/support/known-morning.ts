// Small histories by hand, of one morning: its minutes as instants, the moments from which one can look back at them, and an
// observation that is as plain as can be.
import type { KnownObservation } from '../../src/events/as-of.ts';
import type { DeliveryId } from '../../src/events/event.ts';
import type { Instant } from '../../src/events/instant.ts';

export const at = (minute: number) =>
  `2026-04-11T09:${String(minute).padStart(2, '0')}:00.000000Z` as Instant;
export const id = (text: string) => text as DeliveryId;

export const now = { asOf: null, knownAt: null };
export const known = (minute: number) => ({ asOf: null, knownAt: at(minute) });
export const happened = (minute: number) => ({ asOf: at(minute), knownAt: null });

export function observation(changes: Partial<KnownObservation> = {}): KnownObservation {
  return {
    deliveryId: id('d-1'),
    source: 'webhook',
    verdict: 'pass',
    confidence: 0.9,
    referenceId: 'user-1',
    occurredAt: at(10),
    fingerprint: `bytes of ${changes.deliveryId ?? 'd-1'}`,
    knownAt: at(12),
    ...changes,
  };
}
