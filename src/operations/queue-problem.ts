// What is wrong with the queue, in words, and what to do about it. None of it loses a delivery: the sweep does the queue's work
// meanwhile, more slowly.
import { type Problem, problem, runbook } from './problem.ts';

export const queueTroubles = [
  'away',
  'read_only',
  'full',
  'credentials_refused',
  'certificate_refused',
  'refused',
  'crowded',
] as const;
export type QueueTrouble = (typeof queueTroubles)[number];

export interface QueueSight {
  readonly kind: 'redis' | 'postgres';
  /** It takes rings. */
  readonly isUp: boolean;
  readonly trouble: QueueTrouble | null;
  readonly waiting: number | null;
  readonly active: number | null;
  readonly delayed: number | null;
  /** What `INFO` of a Redis says, by name. */
  readonly redis: Readonly<Record<string, string>>;
  /** When a Redis makes snapshots, as its `save` says it; empty where it makes none, null where it does not tell. */
  readonly savePoints: string | null;
}

const said: Readonly<Record<QueueTrouble, string>> = {
  away: 'does not answer',
  read_only: 'is a replica, and takes no rings',
  full: 'has no memory left, and takes no rings',
  credentials_refused: 'refuses the name or password in REDIS_URL',
  certificate_refused: 'shows a certificate that is not trusted, or not one of its name',
  refused: 'refuses what is written to it',
  crowded: 'holds so many rings that no more are sent',
};

export function describeQueueTrouble(kind: string, trouble: QueueTrouble): string {
  return `the queue (${kind}) ${said[trouble]}`;
}

export function queueProblem({ kind, trouble }: QueueSight): Problem | undefined {
  if (trouble === null) return undefined;
  const message = `The queue (${kind}) ${said[trouble]}; the sweep does its work, more slowly.`;
  const advice = runbook('Redis is gone');
  return problem('warning', message, trouble === 'crowded' ? `Does a worker run? ${advice}` : advice);
}
