// Why a service that is there answers 503. Its readiness needs no database and no key, and says whether the database is away and
// what becomes of the deliveries.
import { z } from 'zod';

const readiness = z.object({
  database: z.enum(['up', 'down']),
  outage_store: z.enum(['ready', 'taking', 'full', 'failing', 'off']).optional(),
});

const answerMs = 5_000;

/** A sentence or two with the chapter of the runbook that helps, to stand behind another; empty where nothing is told. */
export async function explainUnavailable(base: string): Promise<string> {
  const told = await fetch(`${base}/readyz`, { redirect: 'manual', signal: AbortSignal.timeout(answerMs) })
    .then(async (response) => readiness.parse(await response.json()))
    .catch(() => undefined);
  if (told === undefined) return '';
  if (told.database === 'up') {
    return ' Its database answers. See "Callers are answered 429 or 503" in the runbook for what may hold this up.';
  }
  return ` Its database is away${deliveriesMeanwhile(told.outage_store)} See "Postgres is gone" in the runbook.`;
}

function deliveriesMeanwhile(store: z.infer<typeof readiness>['outage_store']): string {
  if (store === undefined) return '.';
  if (store === 'ready' || store === 'taking') return '; deliveries are kept in the outage store.';
  const states = { full: 'is full', failing: 'cannot be written', off: 'is off' } as const;
  return `, and the outage store ${states[store]}: deliveries are answered 503.`;
}
