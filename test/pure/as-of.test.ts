// The past, told from small histories by hand. That it is what the rows really said is shown by test/postgres/as-of.test.ts.
import { describe, expect, test } from 'vitest';
import {
  type Ending,
  type History,
  isDoneBy,
  isPast,
  isSaidBy,
  latestSaid,
  type RowVersion,
  sessionAsOf,
} from '../../src/events/as-of.ts';
import { at, happened, id, known, now, observation } from '../support/known-morning.ts';

function version(minute: number, changes: Partial<RowVersion> = {}): RowVersion {
  return {
    knownAt: at(minute),
    expectedAt: at(5),
    expiresAt: at(35),
    registeredReferenceId: 'user-0',
    ...changes,
  };
}

const ending = (minute: number, changes: Partial<Ending<string>> = {}): Ending<string> => ({
  state: 'expired',
  reason: 'never_finished',
  endedAt: at(minute),
  reopenedAt: null,
  ...changes,
});

function history(changes: Partial<History<string>> = {}): History<string> {
  return { observations: [], endings: [], versions: [version(5)], ...changes };
}

test('a question is about the past when either limit is set', () => {
  expect(isPast(now)).toBe(false);
  expect(isPast(known(1))).toBe(true);
  expect(isPast(happened(1))).toBe(true);
});

test('a statement belongs to a moment when it had happened and was known, both ends included', () => {
  const said = observation();
  expect(isSaidBy(said, now)).toBe(true);
  expect(isSaidBy(said, { asOf: at(10), knownAt: at(12) })).toBe(true);
  expect(isSaidBy(said, { asOf: at(9), knownAt: at(12) })).toBe(false);
  expect(isSaidBy(said, { asOf: at(10), knownAt: at(11) })).toBe(false);
});

test('what we did ourselves had happened and was known when it was done', () => {
  expect(isDoneBy(at(10), now)).toBe(true);
  expect(isDoneBy(at(10), { asOf: at(10), knownAt: at(10) })).toBe(true);
  expect(isDoneBy(at(10), { asOf: at(9), knownAt: at(10) })).toBe(false);
  expect(isDoneBy(at(10), { asOf: at(10), knownAt: at(9) })).toBe(false);
});

describe('the statement that stood', () => {
  const older = observation({ deliveryId: id('d-3'), occurredAt: at(8) });
  const first = observation({ deliveryId: id('d-1') });
  const second = observation({ deliveryId: id('d-2') });
  const newest = observation({ deliveryId: id('d-4'), occurredAt: at(20), knownAt: at(21) });

  test.each([
    ['the latest by the vendor’s time', [older, newest, first], now, 'd-4'],
    ['in any order', [newest, first, older], now, 'd-4'],
    ['of those that were known', [newest, first, older], known(20), 'd-1'],
    ['of those that had happened', [newest, first, older], happened(9), 'd-3'],
    ['of two with one time the first received', [second, first], now, 'd-1'],
    ['of two with one time the first received, in any order', [first, second], now, 'd-1'],
    ['the very same told twice', [first, first], now, 'd-1'],
  ])('is %s', (_, statements, moment, expected) => {
    expect(latestSaid(statements, moment)?.deliveryId).toBe(expected);
  });

  test('is none where none had come', () => {
    expect(latestSaid([newest], known(20))).toBeUndefined();
    expect(latestSaid([], now)).toBeUndefined();
  });
});

describe('a session', () => {
  const pull = observation({ deliveryId: id('d-2'), source: 'pull', occurredAt: at(11), knownAt: at(20) });

  test('is unknown before it is expected, and expected from then on', () => {
    expect(sessionAsOf(history(), known(4))).toBeUndefined();
    expect(sessionAsOf(history(), happened(4))).toBeUndefined();
    expect(sessionAsOf(history({ versions: [] }), now)).toBeUndefined();
    expect(sessionAsOf(history(), known(5))).toEqual({
      state: 'expected',
      verdict: null,
      confidence: null,
      verdictAt: null,
      confirmation: 'unconfirmed',
      referenceId: 'user-0',
      settledAt: null,
      settledBy: null,
      settledSource: null,
      endedReason: null,
      endedAt: null,
      expectedAt: at(5),
      expiresAt: at(35),
    });
  });

  test('is settled from when its verdict was known', () => {
    const settled = history({ observations: [observation()] });
    expect(sessionAsOf(settled, known(11))).toMatchObject({ state: 'expected', verdict: null });
    expect(sessionAsOf(settled, known(12))).toEqual({
      state: 'settled',
      verdict: 'pass',
      confidence: 0.9,
      verdictAt: at(10),
      confirmation: 'unconfirmed',
      referenceId: 'user-1',
      settledAt: at(12),
      settledBy: 'd-1',
      settledSource: 'webhook',
      endedReason: null,
      endedAt: null,
      expectedAt: at(5),
      expiresAt: at(35),
    });
  });

  test('keeps the time at which it was settled when it is confirmed, and gets a new one when it is disputed', () => {
    const confirmed = history({ observations: [pull, observation()] });
    expect(sessionAsOf(confirmed, known(19))).toMatchObject({ confirmation: 'unconfirmed' });
    expect(sessionAsOf(confirmed, now)).toMatchObject({
      state: 'settled',
      confirmation: 'confirmed',
      settledAt: at(12),
      settledBy: 'd-1',
    });
    const disputed = history({ observations: [observation(), { ...pull, verdict: 'fail' }] });
    expect(sessionAsOf(disputed, now)).toMatchObject({
      state: 'disputed',
      settledAt: at(20),
      settledBy: 'd-2',
    });
  });

  test('gets a new time when another statement takes its place, and when a dispute keeps the one that stood', () => {
    const newer = observation({ deliveryId: id('d-2'), occurredAt: at(15), knownAt: at(16) });
    expect(sessionAsOf(history({ observations: [observation(), newer] }), now)).toMatchObject({
      settledBy: 'd-2',
      settledAt: at(16),
    });
    const failed = observation({ verdict: 'fail' });
    const kinder = { ...pull, verdict: 'pass' as const };
    expect(sessionAsOf(history({ observations: [failed, kinder] }), now)).toMatchObject({
      state: 'disputed',
      settledBy: 'd-1',
      settledAt: at(20),
    });
  });

  test('has a verdict that had happened before anybody had heard of the session', () => {
    const late = history({ observations: [observation({ occurredAt: at(2) })], versions: [version(12)] });
    expect(sessionAsOf(late, happened(3))).toMatchObject({
      state: 'settled',
      verdict: 'pass',
      expectedAt: at(5),
    });
    const nameless = history({ observations: [observation({ occurredAt: at(2), referenceId: null })] });
    expect(sessionAsOf(nameless, happened(3))).toMatchObject({ referenceId: null });
    expect(sessionAsOf(nameless, now)).toMatchObject({ referenceId: 'user-0' });
  });

  test('says what its row said then: expectation, expiry and the name it was registered under', () => {
    const registeredAgain = version(30, {
      expectedAt: at(30),
      expiresAt: at(59),
      registeredReferenceId: 'user-9',
    });
    const twice = history({ versions: [version(5), registeredAgain] });
    expect(sessionAsOf(twice, known(29))).toMatchObject({ expectedAt: at(5), referenceId: 'user-0' });
    expect(sessionAsOf(twice, happened(29))).toMatchObject({ expectedAt: at(5), expiresAt: at(35) });
    expect(sessionAsOf(twice, now)).toMatchObject({
      expectedAt: at(30),
      expiresAt: at(59),
      referenceId: 'user-9',
    });
  });

  test('is ended from when it ended until it was expected again, and never once it has a verdict', () => {
    const reopened = history({ endings: [ending(36, { reopenedAt: at(40) })] });
    expect(sessionAsOf(reopened, known(35))).toMatchObject({ state: 'expected', endedReason: null });
    expect(sessionAsOf(reopened, known(36))).toMatchObject({
      state: 'expired',
      endedReason: 'never_finished',
      endedAt: at(36),
    });
    expect(sessionAsOf(reopened, known(39))).toMatchObject({ state: 'expired' });
    expect(sessionAsOf(reopened, known(40))).toMatchObject({ state: 'expected', endedAt: null });
    const settled = history({ endings: [ending(36)], observations: [observation({ knownAt: at(50) })] });
    expect(sessionAsOf(settled, known(49))).toMatchObject({ state: 'expired' });
    expect(sessionAsOf(settled, now)).toMatchObject({ state: 'settled', endedReason: null, endedAt: null });
  });

  test.each([
    ['given in their order', [36, 45]],
    ['given the other way round', [45, 36]],
  ])('says the last of several ends, %s', (_, minutes) => {
    const endings = minutes.map((minute) => ending(minute, { reason: `at ${minute}` }));
    expect(sessionAsOf(history({ endings }), now)).toMatchObject({ endedReason: 'at 45' });
    expect(sessionAsOf(history({ endings }), known(44))).toMatchObject({ endedReason: 'at 36' });
  });

  test('of two ends of one moment the first that is given stands', () => {
    const endings = [ending(36, { reason: 'first' }), ending(36, { reason: 'second' })];
    expect(sessionAsOf(history({ endings }), now)).toMatchObject({ endedReason: 'first' });
  });
});
