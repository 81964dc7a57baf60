// How the status weighs an outage: one that ends by itself within a minute is a warning, and one that gets somebody up by the
// alert `PostgresCannotCommit` is nothing that is called healthy.
import { expect, test } from 'vitest';
import { waitingProblem } from '../../src/operations/outage-problems.ts';

const now = new Date('2026-11-27T03:00:00Z');
const outage = {
  state: 'taking',
  maxBytes: 2 ** 30,
  heldCount: 86,
  heldBytes: 80_000,
  damagedCount: 0,
  unopenedCount: 0,
} as const;

test.each([
  [59, 'warning'],
  [61, 'error'],
])('an outage of %d s is a problem of level %s', (seconds, level) => {
  const since = new Date(now.getTime() - seconds * 1000);
  expect(waitingProblem({ ...outage, since }, now)).toEqual({
    level,
    message: `Postgres has not been able to commit for ${seconds} s; 86 deliveries wait in the outage store to be recorded.`,
    advice: 'See "Postgres is gone" in the runbook.',
  });
});

test('no outage is no problem', () => {
  expect(waitingProblem({ ...outage, state: 'ready', since: null }, now)).toBeUndefined();
});
