// What is decided about a face match, an alert, and what nobody knows; verdicts are in decide.test.ts.
import { describe, expect, test } from 'vitest';
import { decide } from '../../src/events/decide.ts';
import type { ComplianceAlerted, DeliveryId } from '../../src/events/event.ts';
import type { Instant } from '../../src/events/instant.ts';

const at = (second: number) => `2026-04-11T09:30:${String(second).padStart(2, '0')}.000000Z` as Instant;
const id = (text: string) => text as DeliveryId;

describe('a face match or an alert', () => {
  const match = {
    kind: 'face_matched' as const,
    deliveryId: id('d-5'),
    source: 'webhook' as const,
    referenceId: null,
    occurredAt: at(10),
    matchId: 'm-1',
    sessionId: null,
    faceId: null,
    externalFaceId: null,
    collectionId: null,
    similarity: 0.9,
    threshold: null,
    isMatch: true,
  };
  const alert: ComplianceAlerted = {
    kind: 'compliance_alert',
    deliveryId: id('d-5'),
    source: 'webhook',
    referenceId: null,
    occurredAt: at(10),
    alertId: 'a-1',
    sessionId: null,
    severity: 'low',
    category: null,
    message: null,
    details: null,
  };

  test.each([
    ['record', undefined],
    ['record', { occurredAt: at(9), deliveryId: id('d-1') }],
    ['repeat', { occurredAt: at(11), deliveryId: id('d-1') }],
    ['repeat', { occurredAt: at(10), deliveryId: id('d-1') }],
    ['repeat', { occurredAt: at(10), deliveryId: id('d-5') }],
    ['repeat', { occurredAt: at(11), deliveryId: id('d-9') }],
    ['record', { occurredAt: at(10), deliveryId: id('d-9') }],
  ])('is a %s when the row says %o', (decision, row) => {
    expect(decide({ observations: [], recorded: row }, match).decision).toBe(decision);
    expect(decide({ observations: [], recorded: row }, alert).decision).toBe(decision);
  });

  test('is handed on as it was told', () => {
    const nothing = { observations: [], recorded: undefined };
    expect(decide(nothing, match)).toEqual({ decision: 'record', fact: match });
    expect(decide(nothing, alert)).toEqual({ decision: 'record', fact: alert });
  });
});

test('an unknown kind is parked, an ignored one ignored', () => {
  const nothing = { observations: [], recorded: undefined };
  expect(decide(nothing, { kind: 'unknown', isIgnored: false })).toEqual({
    decision: 'park',
    reason: 'unknown_kind',
  });
  expect(decide(nothing, { kind: 'unknown', isIgnored: true })).toEqual({ decision: 'ignore' });
});
