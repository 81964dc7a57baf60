// What is wrong with sessions that should have a verdict, as the status tells it.
import type { Queries } from '../db/connect.ts';
import { countEndedByAsking, type SessionFigures } from '../db/status.ts';
import { countedUpTo } from './counted-up-to.ts';
import { type Problem, problem, runbook } from './problem.ts';

// Both, as `ManyVerdictsUnrecoverable` has them for an hour: so many, and such a share of those whose end was found by asking.
const unrecoverableErrorCount = 10;
const unrecoverableErrorShare = 0.1;

/** Whether what ended without its verdict in the last day is more than slips of those who register sessions. */
export async function isLosingMuch(
  db: Queries,
  { unrecoverableLastDay: lost }: SessionFigures,
  now: Date,
): Promise<boolean> {
  if (lost < unrecoverableErrorCount) return false;
  const othersEnough = Math.ceil(lost / unrecoverableErrorShare) - lost;
  return (await countEndedByAsking(db, now, othersEnough)) < othersEnough;
}

export function overdueProblem({ overdue }: SessionFigures): Problem | undefined {
  if (overdue === 0) return undefined;
  return problem(
    'error',
    `${countedUpTo(overdue, 'session', 'is', 'are')} open although iLive has forgotten ${overdue === 1 ? 'it' : 'them'}.`,
    `Does a worker run, with ILIVE_API_KEY? ${runbook('Sessions without a verdict')}`,
  );
}

export function unrecoverableProblem(
  { unrecoverableLastDay: lost }: SessionFigures,
  isMuch: boolean,
): Problem | undefined {
  if (lost === 0) return undefined;
  return problem(
    isMuch ? 'error' : 'warning',
    `${countedUpTo(lost, 'session')} became unrecoverable in the last day.`,
    runbook('Sessions without a verdict'),
  );
}
