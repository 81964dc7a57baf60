// The pretend vendor: the same seed plays the same run under any label, every fault occurs and can be switched off, and
// what is meant to verify does, while what is meant to be refused is refused for the reason that was meant.
import { expect, test } from 'vitest';
import { defaultShares, type FaultName, parseFaults } from '../../src/simulator/faults.ts';
import { planScenario, type Scenario } from '../../src/simulator/scenario.ts';
import { check, now } from './simulator-memory-service.ts';

function plan(seed: number, sessionCount = 80, label = 'test'): Scenario {
  return planScenario({ seed, label, sessionCount, now, faults: defaultShares });
}

function withoutIds(scenario: Scenario): unknown[] {
  const ids = new RegExp(`${scenario.mark}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`, 'g');
  const strip = (bytes: Buffer) =>
    bytes.toString('latin1').replaceAll(ids, 'id').replaceAll(scenario.mark, 'mark');
  return scenario.messages.map(({ signedBody, sentBody, meaning, faults, ...message }) => ({
    ...message,
    webhookId: '',
    sessionId: message.sessionId === null ? null : 'id',
    faults,
    fate: meaning.fate,
    // Half a body may end in half an id.
    body: faults.includes('truncated') ? sentBody.length : [strip(signedBody), strip(sentBody)],
  }));
}

test('the same seed and label plan the same bytes; another label changes nothing but the ids', () => {
  expect(plan(7)).toEqual(plan(7));
  expect(withoutIds(plan(7, 80, 'other'))).toEqual(withoutIds(plan(7)));
  expect(plan(7, 80, 'other').mark).not.toBe(plan(7).mark);
  expect(withoutIds(plan(8))).not.toEqual(withoutIds(plan(7)));
});

test.each(Object.keys(defaultShares) as FaultName[])(
  'the fault %s occurs, and not when it is off',
  (fault) => {
    const struck = (scenario: Scenario) =>
      scenario.messages.filter(({ faults }) => faults.includes(fault)).length;
    expect(struck(plan(5, 40))).toBeGreaterThan(0);
    const faults = { ...defaultShares, [fault]: 0 };
    expect(struck(planScenario({ seed: 5, label: 'test', sessionCount: 40, now, faults }))).toBe(0);
  },
);

test('faults are read strictly', () => {
  expect(parseFaults('all')).toEqual(defaultShares);
  expect(parseFaults('-slow')).toEqual({ ...defaultShares, slow: 0 });
  expect(parseFaults('stale,tampered=0.5')).toMatchObject({
    stale: defaultShares.stale,
    tampered: 0.5,
    slow: 0,
  });
  expect(parseFaults('slwo')).toMatch(/"slwo" is no fault/);
  expect(parseFaults('slow=2')).toMatch(/from 0 to 1/);
});

test('messages verify exactly when they are meant to', () => {
  for (const message of plan(3).messages) {
    const { meaning } = message;
    expect(check(message).reason).toBe(meaning.fate === 'refused' ? meaning.code : undefined);
  }
});
