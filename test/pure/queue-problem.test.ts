// What is said of a queue that is of no use: each kind of trouble in its own words, and nothing of one that is well.
import { expect, test } from 'vitest';
import { checkQueue } from '../../src/operations/doctor-stores.ts';
import { queueProblem } from '../../src/operations/queue-problem.ts';
import { type QueueFacts, queueTroubles } from '../../src/queue-facts.ts';

const well: QueueFacts = {
  kind: 'redis',
  isUp: true,
  trouble: null,
  waiting: 0,
  active: 0,
  delayed: 0,
  redis: {},
  savePoints: null,
};

test('a queue that is well is no problem', () => {
  expect(queueProblem(well)).toBeUndefined();
});

test('each trouble is told apart from the others, by the status and by the doctor', () => {
  const messages = queueTroubles.map((trouble) => queueProblem({ ...well, trouble })?.message);
  expect(new Set(messages).size).toBe(queueTroubles.length);
  const troubles = queueTroubles.filter((trouble) => trouble !== 'crowded');
  const found = troubles.flatMap((trouble) => checkQueue({ ...well, isUp: false, trouble }));
  expect(found.map(({ level }) => level)).toEqual(troubles.map(() => 'error'));
  expect(new Set(found.map(({ message }) => message)).size).toBe(troubles.length);
});

test('where nobody hears the rings, the advice asks for a worker', () => {
  expect(queueProblem({ ...well, trouble: 'crowded' })?.advice).toMatch(/^Does a worker run\?/);
});
