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

/** Locks the sessions of the items until the transaction ends. */
export async function holdSessions(tx: Transaction, items: readonly TranslatedDelivery[]): Promise<void> {
  const sessions = sessionsOf(items);
  if (sessions.length > 0) await lockSessions(tx, sessions);
}

/** Reads what is known. Only for whoever holds the items' sessions. */
export async function loadKnowledge(
  tx: Transaction,
  items: readonly TranslatedDelivery[],
): Promise<Knowledge> {
  const sessions = sessionsOf(items);
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
