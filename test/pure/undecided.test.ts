// What there is to do about the refusals that nobody has decided about: the command has to name the refusals that it is about.
import { expect, test } from 'vitest';
import { weighUndecided } from '../../src/operations/undecided.ts';

const judging = { missingKeys: [], isComplete: true };
const offset = { offsetSeconds: null };
const junk = {
  ...offset,
  remedy: 'none',
  count: 200,
  alike: 200,
  finding: 'the signature header is missing',
  reason: 'missing_signature',
};
const changed = {
  ...offset,
  remedy: 'admit',
  count: 30,
  alike: 30,
  finding: 'it matches without the newline at the end of the body',
  reason: 'signature_mismatch',
};

test('what can be put right goes before what is commonest, and its command takes the reason of those', () => {
  expect(weighUndecided({ refused: 230, remedies: [junk, changed] }, judging)).toEqual({
    finding: ': 30 of them "it matches without the newline at the end of the body"',
    advice:
      "stop what changes the bytes, then: ilive-webhooks refusals admit --reason signature_mismatch --why '…'",
    isOurs: true,
  });
});

test('what nothing explains can be let go by its reason, and only while all can be judged', () => {
  const figures = { refused: 200, remedies: [junk] };
  const purge = /: ilive-webhooks refusals purge --reason missing_signature --why '…'$/;
  expect(weighUndecided(figures, judging)).toMatchObject({
    advice: expect.stringMatching(purge),
    isOurs: false,
  });
  expect(weighUndecided(figures, { ...judging, isComplete: false }).advice).not.toMatch(/purge/);
  // A header under another name is as little explained, and all of it is iLive's.
  expect(weighUndecided(figures, { ...judging, isRefusingMuch: true })).toMatchObject({
    advice:
      'Let none of them go, since much of what comes is refused. See "Deliveries are refused" in the runbook.',
    isOurs: false,
  });
});
