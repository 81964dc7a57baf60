// The alert of our own about statements that contradict each other: made from the whole set, never from the order.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide, type Recorded } from '../../src/events/decide.ts';
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

test('its id holds the whole id of its session', () => {
  const long = 'x'.repeat(512) as SessionId;
  const alert = disputeOf(long, [said('d-1', 'pass', 10), pulled('d-2', 'fail', 11)]);
  expect(alert?.alertId).toBe(`dispute:${long}`);
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

const statements = fc
  .array(
    fc.record({
      source: fc.constantFrom('webhook' as const, 'pull' as const),
      verdict: fc.constantFrom('pass' as const, 'retry' as const, 'fail' as const),
      minute: fc.integer({ min: 1, max: 4 }),
      namesTime: fc.boolean(),
    }),
    { minLength: 1, maxLength: 7 },
  )
  .map((all) =>
    all.map(({ source, verdict, minute, namesTime }, index) =>
      // What names no time is told with the same bytes again.
      said(`d-${index}`, verdict, minute, { source, ...(namesTime ? {} : { fingerprint: verdict }) }),
    ),
  );

test('guarantee 6: its row is what the set says, in whatever order the statements came', () => {
  const shuffled = statements.chain((all) => fc.shuffledSubarray(all, { minLength: all.length }));
  fc.assert(
    fc.property(shuffled, (all) => {
      let row: Recorded | undefined;
      for (const count of all.keys()) {
        const alert = disputeOf(sessionId, all.slice(0, count + 1));
        if (alert === undefined) continue;
        if (decide({ observations: [], recorded: row }, alert).decision === 'record') row = alert;
      }
      expect(row).toEqual(disputeOf(sessionId, all));
    }),
    { numRuns: 1_000 },
  );
});

test('it names the latest of all that contradict another of the same moment or of one before', () => {
  const contradicts = (one: Observation, other: Observation) => {
    if (one.verdict === other.verdict || other.occurredAt > one.occurredAt) return false;
    const isAtOnce = one.occurredAt === other.occurredAt;
    return isAtOnce || (one.source !== other.source && other.verdict !== 'retry');
  };
  fc.assert(
    fc.property(statements, (all) => {
      const [latest] = all
        .filter((one) => all.some((other) => contradicts(one, other)))
        .sort((a, b) => (a.occurredAt > b.occurredAt ? -1 : a.occurredAt < b.occurredAt ? 1 : 0));
      expect(disputeOf(sessionId, all)?.deliveryId).toBe(latest?.deliveryId);
    }),
    { numRuns: 1_000 },
  );
});
