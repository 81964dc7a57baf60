// What was known of alerts in the past: the one of our own about a dispute, and what had been done about any.
import { describe, expect, test } from 'vitest';
import { alertAsOf, disputeAsOf } from '../../src/events/as-of.ts';
import type { SessionId } from '../../src/events/event.ts';
import { at, happened, id, known, now, observation } from '../support/known-morning.ts';

const sessionId = 's-1' as SessionId;

describe('the alert of our own', () => {
  const webhook = observation();
  const contradiction = observation({
    deliveryId: id('d-2'),
    source: 'pull',
    verdict: 'fail',
    occurredAt: at(11),
    knownAt: at(20),
  });

  test('is told from when the contradiction was known', () => {
    expect(disputeAsOf(sessionId, [webhook], now)).toBeUndefined();
    expect(disputeAsOf(sessionId, [webhook, contradiction], known(19))).toBeUndefined();
    expect(disputeAsOf(sessionId, [contradiction, webhook], now)).toMatchObject({
      deliveryId: 'd-2',
      knownAt: at(20),
      occurredAt: at(11),
    });
  });

  test('keeps its time while nothing new contradicts, and has a new one when something does', () => {
    const said = { source: 'pull', verdict: 'fail' } as const;
    const repeat = observation({ ...said, deliveryId: id('d-3'), occurredAt: at(10), knownAt: at(25) });
    expect(disputeAsOf(sessionId, [webhook, contradiction, repeat], now)).toMatchObject({
      deliveryId: 'd-2',
      knownAt: at(20),
    });
    const worse = observation({ ...said, deliveryId: id('d-4'), occurredAt: at(13), knownAt: at(30) });
    expect(disputeAsOf(sessionId, [webhook, contradiction, worse], now)).toMatchObject({
      deliveryId: 'd-4',
      knownAt: at(30),
    });
  });
});

test('an alert says what had been done about it by then, and nothing of what came after', () => {
  const alert = {
    name: 'kept as it is',
    acknowledgedAt: at(10),
    acknowledgedBy: 'anna',
    acknowledgedNote: 'seen',
    resolvedAt: at(20),
    resolvedBy: 'bert',
    resolvedNote: 'done',
    status: 'resolved' as const,
  };
  const unresolved = { resolvedAt: null, resolvedBy: null, resolvedNote: null };
  const untouched = { acknowledgedAt: null, acknowledgedBy: null, acknowledgedNote: null };
  expect(alertAsOf(alert, now)).toEqual(alert);
  expect(alertAsOf(alert, known(19))).toEqual({ ...alert, ...unresolved, status: 'acknowledged' });
  expect(alertAsOf(alert, happened(9))).toEqual({ ...alert, ...unresolved, ...untouched, status: 'open' });
  const open = { ...alert, ...unresolved, ...untouched, status: 'open' as const };
  expect(alertAsOf(open, now)).toEqual(open);
  // Resolving acknowledges as well, but the one does not hang on the other here.
  expect(alertAsOf({ ...alert, ...untouched }, now)).toMatchObject({
    status: 'resolved',
    acknowledgedBy: null,
  });
});
