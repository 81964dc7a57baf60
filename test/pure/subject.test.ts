// Whom anything known speaks against is never verified, whichever way the sessions and alerts are given.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SessionId, Verdict } from '../../src/events/event.ts';
import type { Instant } from '../../src/events/instant.ts';
import type { Confirmation, SessionState } from '../../src/events/session.ts';
import { standOf } from '../../src/events/subject.ts';

const at = (minute: number) => `2026-04-11T09:${String(minute).padStart(2, '0')}:00.000000Z` as Instant;

interface Session {
  readonly sessionId: SessionId;
  readonly state: SessionState;
  readonly verdict: Verdict | null;
  readonly verdictAt: Instant | null;
  readonly confirmation: Confirmation;
}

const settled = (
  name: string,
  verdict: Verdict,
  minute: number,
  state: SessionState = 'settled',
): Session => ({
  sessionId: name as SessionId,
  state,
  verdict,
  verdictAt: at(minute),
  confirmation: 'unconfirmed',
});
const expected = (name: string): Session => ({
  sessionId: name as SessionId,
  state: 'expected',
  verdict: null,
  verdictAt: null,
  confirmation: 'unconfirmed',
});
const open = { status: 'open' as const };
const acknowledged = { status: 'acknowledged' as const };
const resolved = { status: 'resolved' as const };
const passed = settled('s-1', 'pass', 10);

test('who passed is verified, and resolved alerts are in nobody’s way', () => {
  expect(standOf([passed, expected('s-2')], [resolved], true)).toEqual({
    isVerified: true,
    obstacles: [],
    latest: passed,
    openSessionsCount: 1,
    openAlertsCount: 0,
    acknowledgedAlertsCount: 0,
  });
});

test.each([
  ['nobody is known', [], [], true, ['no_verdict']],
  ['a verdict is expected still', [expected('s-1')], [], true, ['no_verdict']],
  ['the verdict is a retry', [settled('s-1', 'retry', 10)], [], true, ['not_passed']],
  ['the verdict is a fail', [settled('s-1', 'fail', 10)], [], true, ['not_passed']],
  ['the pass is disputed', [settled('s-1', 'pass', 10, 'disputed')], [], true, ['disputed']],
  ['an alert is open', [passed], [open], true, ['unresolved_alert']],
  ['an alert is only acknowledged', [passed], [resolved, acknowledged], true, ['unresolved_alert']],
  ['not all is looked through', [passed], [], false, ['incomplete']],
  [
    'everything speaks against it',
    [settled('s-1', 'fail', 10, 'disputed')],
    [open],
    false,
    ['not_passed', 'disputed', 'unresolved_alert', 'incomplete'],
  ],
] as const)('guarantee 21: nobody is verified where %s', (_, sessions, alerts, isComplete, obstacles) => {
  expect(standOf<Session>(sessions, alerts, isComplete)).toMatchObject({ isVerified: false, obstacles });
});

test('alerts are counted by their status, and sessions that wait for a verdict', () => {
  const standing = standOf(
    [expected('s-2'), passed, expected('s-3')],
    [open, open, acknowledged, resolved],
    true,
  );
  expect(standing).toMatchObject({ openSessionsCount: 2, openAlertsCount: 2, acknowledgedAlertsCount: 1 });
});

test.each([
  ['the later one', [settled('s-1', 'fail', 10), settled('s-2', 'pass', 11)], 's-2'],
  ['of one moment the less favourable', [settled('s-1', 'pass', 10), settled('s-2', 'fail', 10)], 's-2'],
  ['a fail before a retry', [settled('s-2', 'fail', 10), settled('s-1', 'retry', 10)], 's-2'],
  ['a retry before a pass', [settled('s-2', 'retry', 10), settled('s-1', 'pass', 10)], 's-2'],
  ['of equal ones the first by name', [settled('s-2', 'pass', 10), settled('s-1', 'pass', 10)], 's-1'],
  ['one with a verdict', [expected('s-1'), settled('s-2', 'pass', 10), expected('s-3')], 's-2'],
  [
    'one whose time is known',
    [settled('s-1', 'pass', 10), { ...settled('s-2', 'fail', 10), verdictAt: null }],
    's-1',
  ],
] as const)('the verdict that counts is %s, in any order', (_, sessions, name) => {
  expect(standOf<Session>(sessions, [], true).latest?.sessionId).toBe(name);
  expect(standOf<Session>(sessions.toReversed(), [], true).latest?.sessionId).toBe(name);
});

test('guarantee 21: a session more never makes somebody verified whom an alert, a dispute or a gap keeps out', () => {
  const session = fc.record({
    sessionId: fc.constantFrom('s-1', 's-2', 's-3') as fc.Arbitrary<SessionId>,
    state: fc.constantFrom('settled' as const, 'disputed' as const),
    verdict: fc.constantFrom('pass' as const, 'retry' as const, 'fail' as const),
    verdictAt: fc.integer({ min: 1, max: 3 }).map(at),
    confirmation: fc.constant('unconfirmed' as const),
  });
  fc.assert(
    fc.property(fc.array(session), fc.boolean(), fc.boolean(), (sessions, isAlerted, isComplete) => {
      const { isVerified, latest } = standOf<Session>(sessions, isAlerted ? [open] : [], isComplete);
      const isClear = latest?.verdict === 'pass' && latest.state === 'settled';
      expect(isVerified).toBe(isClear && !isAlerted && isComplete);
      const others = sessions.filter(({ verdictAt }) => latest?.verdictAt && verdictAt > latest.verdictAt);
      expect(others).toEqual([]);
    }),
  );
});
