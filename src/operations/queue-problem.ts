// What is wrong with the queue, in words, and what to do about it. None of it loses a delivery: the sweep does the queue's work
// meanwhile, more slowly.
import type { QueueFacts, QueueTrouble } from '../queue-facts.ts';
import { type Problem, problem, runbook } from './problem.ts';

const said: Readonly<Record<QueueTrouble, string>> = {
  away: 'does not answer',
  read_only: 'is a replica, and takes no rings',
  full: 'has no memory left, and takes no rings',
  credentials_refused: 'refuses the name or password in REDIS_URL, or that user lacks a right',
  certificate_refused: 'shows a certificate that is not trusted, or not one of its name',
  refused: 'refuses what is written to it',
  crowded: 'holds so many rings that no more are sent',
};

export function describeQueueTrouble(kind: string, trouble: QueueTrouble): string {
  return `the queue (${kind}) ${said[trouble]}`;
}

export function queueProblem({ kind, trouble }: QueueFacts): Problem | undefined {
  if (trouble === null) return undefined;
  const message = `The queue (${kind}) ${said[trouble]}; the sweep does its work, more slowly.`;
  const advice = runbook('Redis is gone');
  return problem('warning', message, trouble === 'crowded' ? `Does a worker run? ${advice}` : advice);
}
