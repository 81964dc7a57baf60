import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide } from '../../src/events/decide.ts';
import type { DeliveryId, SessionCompleted, SessionId } from '../../src/events/event.ts';
import type { Instant } from '../../src/events/instant.ts';
import { conclude, type Observation } from '../../src/events/session.ts';

const at = (second: number) => `2026-04-11T09:30:${String(second).padStart(2, '0')}.000000Z` as Instant;

function completed(changes: Partial<SessionCompleted> = {}): SessionCompleted {
  return {
    kind: 'session_completed',
    sessionId: 's-1' as SessionId,
    deliveryId: 'd-1' as DeliveryId,
    source: 'webhook',
    verdict: 'pass',
    confidence: 0.9,
    referenceId: 'user-1',
    occurredAt: at(10),
    fingerprint: `bytes of ${changes.deliveryId ?? 'd-1'}`,
    ...changes,
  };
}

// Plays events one after another, the way a worker does: each meets what the ones before have left.
function play(...events: SessionCompleted[]) {
  const observations: Observation[] = [];
  const decisions = events.map((event) => {
    const decision = decide({ observations, recorded: undefined }, event);
    if ('observation' in decision) observations.push(decision.observation);
    return decision.decision;
  });
  return { decisions, standing: conclude(observations) };
}

const id = (text: string) => text as DeliveryId;

describe('a verdict', () => {
  test('the first settles', () => {
    expect(play(completed())).toMatchObject({
      decisions: ['settle'],
      standing: { state: 'settled', verdict: 'pass', settledBy: 'd-1', confirmation: 'unconfirmed' },
    });
  });

  test('told again it is a repeat, and the first delivery stays the one that settled', () => {
    expect(play(completed(), completed({ deliveryId: id('d-2') }))).toMatchObject({
      decisions: ['settle', 'repeat'],
      standing: { settledBy: 'd-1' },
    });
  });

  test('a newer one of the same source stands in its place', () => {
    const retried = completed({ verdict: 'retry', confidence: 0.5 });
    expect(play(retried, completed({ deliveryId: id('d-2'), occurredAt: at(20) }))).toMatchObject({
      decisions: ['settle', 'settle'],
      standing: { state: 'settled', verdict: 'pass', settledBy: 'd-2' },
    });
  });

  test('guarantee 7: an older one is kept and changes nothing', () => {
    const late = completed({ deliveryId: id('d-2'), occurredAt: at(5), verdict: 'fail' });
    expect(play(completed(), late)).toMatchObject({
      decisions: ['settle', 'record'],
      standing: { state: 'settled', verdict: 'pass', settledBy: 'd-1' },
    });
  });

  test('another one of the same moment is a dispute, in which the least favourable stands', () => {
    const other = completed({ deliveryId: id('d-2'), verdict: 'fail' });
    expect(play(completed(), other)).toMatchObject({
      decisions: ['settle', 'dispute'],
      standing: { state: 'disputed', verdict: 'fail', confirmation: 'contradicted' },
    });
  });

  test('a second source that agrees confirms, one that contradicts disputes', () => {
    const pull = completed({ deliveryId: id('d-2'), source: 'pull', occurredAt: at(11) });
    expect(play(completed(), pull)).toMatchObject({
      decisions: ['settle', 'confirm'],
      standing: { confirmation: 'confirmed', state: 'settled', settledBy: 'd-1', settledSource: 'webhook' },
    });
    expect(play(completed(), { ...pull, verdict: 'fail' })).toMatchObject({
      decisions: ['settle', 'dispute'],
      standing: { state: 'disputed', verdict: 'fail' },
    });
  });

  test('what came after a retry does not contradict it', () => {
    const pull = completed({ deliveryId: id('d-2'), source: 'pull', occurredAt: at(20) });
    expect(play(completed({ verdict: 'retry' }), pull)).toMatchObject({
      standing: { state: 'settled', verdict: 'pass' },
    });
  });

  test('a retry of the very moment of another verdict contradicts it, and so does a later one', () => {
    const failed = completed({ verdict: 'fail' });
    const pull = completed({ deliveryId: id('d-2'), source: 'pull', verdict: 'retry' });
    expect(play(failed, pull).standing).toMatchObject({ state: 'disputed', verdict: 'fail' });
    const later = { ...pull, occurredAt: at(11) };
    expect(play(completed(), later).standing).toMatchObject({ state: 'disputed', verdict: 'retry' });
  });

  test('guarantee 7: a newer statement of another source that is kinder does not take the worse one away', () => {
    const failed = completed({ verdict: 'fail' });
    const pull = completed({ deliveryId: id('d-2'), source: 'pull', occurredAt: at(20) });
    expect(play(failed, pull).standing).toMatchObject({
      state: 'disputed',
      verdict: 'fail',
      settledBy: 'd-1',
      confirmation: 'contradicted',
    });
  });

  test('a source that contradicts itself is not confirmed by another that agrees with the worse half', () => {
    const pull = completed({ deliveryId: id('d-0'), source: 'pull', verdict: 'fail', occurredAt: at(9) });
    const other = completed({ deliveryId: id('d-2'), verdict: 'fail' });
    expect(play(pull, completed(), other).standing).toMatchObject({
      state: 'disputed',
      settledBy: 'd-2',
      confirmation: 'contradicted',
    });
  });

  test('it confirms once; what comes then settles or is recorded', () => {
    const pull = completed({ deliveryId: id('d-2'), source: 'pull', occurredAt: at(11) });
    const again = completed({ deliveryId: id('d-3'), occurredAt: at(12), confidence: 0.8 });
    const older = completed({ deliveryId: id('d-4'), occurredAt: at(3) });
    expect(play(completed(), pull, again, older).decisions).toEqual([
      'settle',
      'confirm',
      'record',
      'record',
    ]);
  });

  test('of several that are known one that is the same is enough for a repeat', () => {
    const newer = completed({ deliveryId: id('d-2'), occurredAt: at(20) });
    expect(play(completed(), newer, completed({ deliveryId: id('d-3') })).decisions).toEqual([
      'settle',
      'settle',
      'repeat',
    ]);
  });

  test.each<[string, Partial<SessionCompleted>]>([
    ['source', { source: 'pull' }],
    ['verdict', { verdict: 'fail' }],
    ['confidence', { confidence: 0.8 }],
    ['reference', { referenceId: 'user-2' }],
    ['moment', { occurredAt: at(11) }],
  ])('with another %s it is no repeat', (_, changes) => {
    const other = completed({ deliveryId: id('d-2'), ...changes });
    expect(play(completed(), other).decisions).not.toContain('repeat');
  });

  test('told again with the same bytes and at another time, it names none: a repeat, and no later statement', () => {
    const timeless = { fingerprint: 'bytes without a time' };
    const first = completed({ ...timeless });
    const again = completed({ ...timeless, deliveryId: id('d-2'), occurredAt: at(15) });
    const { standing } = play(first);
    expect(play(first, again)).toEqual({ decisions: ['settle', 'repeat'], standing });
    expect(play(again, first)).toEqual({ decisions: ['settle', 'settle'], standing });
    const agreed = completed({ source: 'pull', deliveryId: id('d-4'), occurredAt: at(12) });
    expect(play(first, agreed, again).decisions).toEqual(['settle', 'confirm', 'repeat']);
    const retry = { verdict: 'retry' as const, ...timeless };
    const passed = completed({ source: 'pull', deliveryId: id('d-3'), occurredAt: at(20) });
    const retried = [completed(retry), completed({ ...retry, deliveryId: id('d-2'), occurredAt: at(15) })];
    expect(play(...retried, passed)).toMatchObject({
      decisions: ['settle', 'repeat', 'settle'],
      standing: { state: 'settled', verdict: 'pass', settledBy: 'd-3' },
    });
  });

  test('told again with the same bytes after another verdict, it counts as what was said last', () => {
    const timeless = { fingerprint: 'bytes without a time', verdict: 'fail' as const };
    const again = completed({ ...timeless, deliveryId: id('d-3'), occurredAt: at(20) });
    const told = [completed(timeless), completed({ deliveryId: id('d-2'), occurredAt: at(15) })];
    expect(play(...told, again)).toMatchObject({
      decisions: ['settle', 'settle', 'settle'],
      standing: { state: 'settled', verdict: 'fail', settledBy: 'd-3' },
    });
    const pulled = { ...told[1], source: 'pull' as const } as SessionCompleted;
    expect(play(completed(timeless), pulled, again).standing).toMatchObject({
      state: 'disputed',
      verdict: 'fail',
      settledBy: 'd-3',
    });
  });

  test('decided again, with what it has left itself, it is decided as before', () => {
    const own = decide({ observations: [], recorded: undefined }, completed());
    if (!('observation' in own)) throw new Error('a verdict leaves an observation');
    expect(decide({ observations: [own.observation], recorded: undefined }, completed())).toEqual(own);
  });

  test('a reference is kept when the newest statement has none', () => {
    const newer = completed({ deliveryId: id('d-2'), occurredAt: at(20), referenceId: null });
    expect(play(completed(), newer).standing).toMatchObject({ settledBy: 'd-2', referenceId: 'user-1' });
  });
});

test('guarantee 6: any order and any repetition of the same deliveries end in the same standing', () => {
  const event = fc.record({
    source: fc.constantFrom('webhook' as const, 'pull' as const),
    verdict: fc.constantFrom('pass' as const, 'retry' as const, 'fail' as const),
    confidence: fc.constantFrom(null, 0.2, 0.9),
    referenceId: fc.constantFrom(null, 'user-1', 'user-2'),
    occurredAt: fc.integer({ min: 1, max: 4 }).map(at),
    says: fc.constantFrom(undefined, 'a', 'b'),
  });
  const history = fc.array(event, { minLength: 1, maxLength: 6 }).map((events) =>
    events.map(({ says, ...changes }, index) => {
      const told = { occurredAt: changes.occurredAt, deliveryId: id(`d-${index}`) };
      if (says === undefined) return completed({ ...changes, ...told });
      // The same bytes say the same, at whatever time they are told.
      const said = { fingerprint: says, verdict: says === 'a' ? ('retry' as const) : ('pass' as const) };
      return completed({ source: changes.source, ...said, ...told });
    }),
  );
  const shuffled = history.chain((events) =>
    fc.tuple(
      fc.constant(events),
      fc.shuffledSubarray(events, { minLength: events.length }),
      fc.subarray(events),
    ),
  );
  fc.assert(
    fc.property(shuffled, ([events, order, again]) => {
      const expected = play(...events).standing;
      expect(play(...order, ...again).standing).toEqual(expected);
      expect(play(...again, ...order).standing).toEqual(expected);
    }),
    { numRuns: 500 },
  );
});

test('guarantee 7: a disputed session never shows a kinder verdict than any source’s latest', () => {
  const verdicts = ['pass', 'retry', 'fail'] as const;
  for (const first of verdicts) {
    for (const second of verdicts) {
      const { standing } = play(
        completed({ verdict: first }),
        completed({ verdict: second, deliveryId: id('d-2'), source: 'pull' }),
      );
      const worst = Math.max(verdicts.indexOf(first), verdicts.indexOf(second));
      expect(standing?.verdict).toBe(verdicts[worst]);
    }
  }
});
