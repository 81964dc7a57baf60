// What is known of the things that a batch speaks of, with their sessions locked: read once, before anything is decided.
import type { Transaction } from '../db/connect.ts';
import { loadRecordedFacts } from '../db/facts.ts';
import { loadObservations, lockSessions } from '../db/sessions.ts';
import type { Recorded } from '../events/decide.ts';
import type { Observation } from '../events/session.ts';
import { factId, factKeyText, isFact, sessionsOf, type TranslatedDelivery } from './translate-delivery.ts';

/** What the database held when the locks were taken, and what the batch's own deliveries add. */
export interface Knowledge {
  /** By `sessionKeyText`. */
  readonly observations: Map<string, Observation[]>;
  /** By `factKeyText`. */
  readonly recorded: Map<string, Recorded>;
}

/** Locks the sessions until the transaction ends, and reads what is known. */
export async function loadKnowledge(
  tx: Transaction,
  items: readonly TranslatedDelivery[],
): Promise<Knowledge> {
  const sessions = sessionsOf(items);
  if (sessions.length > 0) await lockSessions(tx, sessions);
  const observations =
    sessions.length > 0 ? await loadObservations(tx, sessions) : new Map<string, Observation[]>();
  const recorded = new Map<string, Recorded>();
  for (const kind of ['face_matched', 'compliance_alert'] as const) {
    const facts = items.flatMap(({ delivery, translation }) =>
      translation.ok && isFact(translation.event) && translation.event.kind === kind
        ? [{ account: delivery.account, event: translation.event }]
        : [],
    );
    const rows = await loadRecordedFacts(
      tx,
      kind,
      facts.map(({ account, event }) => ({ account, id: factId(event) })),
    );
    for (const [index, { account, event }] of facts.entries()) {
      const row = rows[index];
      if (row !== undefined) recorded.set(factKeyText(account, event), row);
    }
  }
  return { observations, recorded };
}
