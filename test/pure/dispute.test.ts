// The alert of our own about statements that contradict each other: made from the whole set, never from the order.
import { describe, expect, test } from 'vitest';
import { disputeOf } from '../../src/events/dispute.ts';
import type { DeliveryId, SessionId } from '../../src/events/event.ts';
import type { Instant } from '../../src/events/instant.ts';
import type { Observation } from '../../src/events/session.ts';

const at = (minute: number) => `2026-04-11T09:${String(minute).padStart(2, '0')}:00.000000Z` as Instant;
const sessionId = 's-1' as SessionId;

const said = (
  name: string,
  verdict: Observation['verdict'],
  minute: number,
  changes: Partial<Observation> = {},
): Observation => ({
  deliveryId: name as DeliveryId,
  source: 'webhook',
  verdict,
  confidence: 0.9,
  referenceId: 'user-1',
  occurredAt: at(minute),
  fingerprint: `bytes of ${name}`,
  ...changes,
});
const pulled = (name: string, verdict: Observation['verdict'], minute: number) =>
  said(name, verdict, minute, { source: 'pull' });

test('it names the session, the statement that contradicts, its verdict and its source', () => {
  expect(disputeOf(sessionId, [said('d-1', 'pass', 10), pulled('d-2', 'fail', 11)])).toEqual({
    kind: 'compliance_alert',
    alertId: 'dispute:s-1',
    deliveryId: 'd-2',
    source: 'pull',
    referenceId: 'user-1',
    occurredAt: at(11),
    sessionId,
    severity: 'high',
    category: 'verdict_dispute',
    message: 'The verdict "fail" contradicts another statement about this session.',
    details: { source: 'pull', verdict: 'fail' },
  });
});

test('its id is never longer than an id may be', () => {
  const long = 'x'.repeat(600) as SessionId;
  const alert = disputeOf(long, [said('d-1', 'pass', 10), pulled('d-2', 'fail', 11)]);
  expect(alert?.alertId).toBe(`dispute:${'x'.repeat(504)}`);
});

describe('in any order', () => {
  test.each<[string, Observation[], string | undefined]>([
    ['nothing was said', [], undefined],
    ['one statement contradicts nothing', [said('d-1', 'pass', 10)], undefined],
    ['the same verdict twice', [said('d-1', 'pass', 10), said('d-2', 'pass', 10)], undefined],
    ['one source moves on', [said('d-1', 'pass', 10), said('d-2', 'fail', 11)], undefined],
    ['one source says two things of one moment', [said('d-1', 'pass', 10), said('d-2', 'fail', 10)], 'd-1'],
    ['two sources agree', [said('d-1', 'fail', 10), pulled('d-2', 'fail', 12)], undefined],
    ['two sources disagree', [pulled('d-1', 'pass', 12), said('d-2', 'fail', 10)], 'd-1'],
    ['two sources disagree about one moment', [said('d-1', 'pass', 10), pulled('d-2', 'fail', 10)], 'd-1'],
    ['a retry may be followed by anything', [said('d-1', 'retry', 10), pulled('d-2', 'pass', 11)], undefined],
    ['a retry that comes after a pass', [said('d-1', 'pass', 10), pulled('d-2', 'retry', 11)], 'd-2'],
    ['a retry and a pass of one moment', [said('d-1', 'retry', 10), pulled('d-2', 'pass', 10)], 'd-1'],
    [
      'the latest of several that contradict',
      [said('d-1', 'pass', 10), pulled('d-2', 'fail', 11), pulled('d-3', 'fail', 12)],
      'd-3',
    ],
    [
      'what came after a contradiction does not take it away',
      [
        said('d-1', 'pass', 10),
        pulled('d-2', 'fail', 11),
        said('d-3', 'fail', 12),
        pulled('d-4', 'fail', 13),
      ],
      'd-4',
    ],
  ])('%s', (_, observations, expected) => {
    expect(disputeOf(sessionId, observations)?.deliveryId).toBe(expected);
    expect(disputeOf(sessionId, observations.toReversed())?.deliveryId).toBe(expected);
  });
});
