// What can be wrong with the outage store, for the status: it takes nothing, it holds what Postgres should have, or something
// in it cannot be read. Each from what was looked at, without looking.
import type { OutageSight } from '../outage/outage.ts';
import { type Problem, problem } from './problem.ts';

export function keepingProblem({ state }: OutageSight): Problem | undefined {
  if (state !== 'full' && state !== 'failing') return undefined;
  const why = state === 'full' ? 'is full' : 'cannot be written';
  const message = `The outage store ${why}: while Postgres cannot commit, deliveries are answered 503.`;
  return problem('error', message, 'See "Postgres is gone" in the runbook.');
}

export function waitingProblem({ since, heldCount }: OutageSight): Problem | undefined {
  if (since === null) return undefined;
  const message = `Postgres could not commit; ${heldCount} deliveries wait in the outage store to be recorded.`;
  return problem('warning', message, 'See "Postgres is gone" in the runbook.');
}

export function damageProblem({ damagedCount }: OutageSight): Problem | undefined {
  if (damagedCount === 0) return undefined;
  const message = `${damagedCount} parts of the outage store are damaged, and were set aside.`;
  return problem('error', message, 'See "The outage store is damaged" in the runbook.');
}

export function sealProblem({ unopenedCount }: OutageSight): Problem | undefined {
  if (unopenedCount === 0) return undefined;
  const message = `${unopenedCount} records of the outage store are sealed with a key that is not configured.`;
  const advice =
    'Put that key back into ENCRYPTION_KEYS and restart; see "The outage store is damaged" in the runbook.';
  return problem('error', message, advice);
}
