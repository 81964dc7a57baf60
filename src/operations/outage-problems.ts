// What can be wrong with the outage store, for the status: it takes nothing, it holds what Postgres should have, or something
// in it cannot be read. Each from what was looked at, without looking.
import type { OutageSight } from '../outage/outage.ts';
import { counted } from './counted.ts';
import { type Problem, problem, runbook } from './problem.ts';

export function keepingProblem({ state }: OutageSight): Problem | undefined {
  if (state !== 'full' && state !== 'failing') return undefined;
  const why = state === 'full' ? 'is full' : 'cannot be written';
  const message = `The outage store ${why}: while Postgres cannot commit, deliveries are answered 503.`;
  return problem('error', message, runbook('Postgres is gone'));
}

// When it gets somebody up (`PostgresCannotCommit`); a restart of Postgres is over by then.
const outageErrorMs = 60_000;

export function waitingProblem({ since, heldCount }: OutageSight, now: Date): Problem | undefined {
  if (since === null) return undefined;
  const lastedMs = now.getTime() - since.getTime();
  const lasted = `Postgres has not been able to commit for ${Math.max(0, Math.round(lastedMs / 1000))} s`;
  const message = `${lasted}; ${counted(heldCount, 'delivery', 'waits', 'wait')} in the outage store to be recorded.`;
  return problem(lastedMs > outageErrorMs ? 'error' : 'warning', message, runbook('Postgres is gone'));
}

export function damageProblem({ damagedCount }: OutageSight): Problem | undefined {
  if (damagedCount === 0) return undefined;
  const message = `In the outage store ${counted(damagedCount, 'part', 'was', 'were')} damaged, and set aside.`;
  return problem('error', message, runbook('The outage store is damaged'));
}

export function sealProblem({ unopenedCount }: OutageSight): Problem | undefined {
  if (unopenedCount === 0) return undefined;
  const message = `In the outage store ${counted(unopenedCount, 'record', 'is', 'are')} sealed with a key that is not configured.`;
  const advice = `Put that key back into ENCRYPTION_KEYS and restart. ${runbook('The outage store is damaged')}`;
  return problem('error', message, advice);
}
