// What is known of the things that a batch speaks of, all of it locked: read once, before anything is decided.
import { pipelined, type Transaction } from '../db/connect.ts';
import { factId, factKinds, loadRecordedFacts } from '../db/facts.ts';
import { lockNames } from '../db/locks.ts';
import { loadObservations } from '../db/sessions.ts';
import type { Recorded } from '../events/decide.ts';
import type { Fact } from '../events/event.ts';
import type { Observation } from '../events/session.ts';
import { factText, isFact, lockNamesOf, sessionsOf, type TranslatedDelivery } from './translate-delivery.ts';

/** What the database held when the locks were taken, and what the batch's own deliveries add. */
export interface Knowledge {
  /** By `sessionKeyText`. */
  readonly observations: Map<string, Observation[]>;
  /** By `factText`. */
  readonly recorded: Map<string, Recorded>;
}

/** Holds the sessions, face matches and alerts of the items until the transaction ends. */
export async function holdMentioned(tx: Transaction, items: readonly TranslatedDelivery[]): Promise<void> {
  const names = lockNamesOf(items);
  if (names.length > 0) await lockNames(tx, names);
}

/** Reads what is known. Only for whoever holds what the items speak of. */
export async function loadKnowledge(
  tx: Transaction,
  items: readonly TranslatedDelivery[],
): Promise<Knowledge> {
  const sessions = sessionsOf(items);
  const [observations, recorded] = await pipelined([
    sessions.length > 0 ? loadObservations(tx, sessions) : new Map<string, Observation[]>(),
    pipelined(factKinds.map((kind) => loadRecorded(tx, items, kind))),
  ]);
  return { observations, recorded: new Map(recorded.flat()) };
}

async function loadRecorded(
  tx: Transaction,
  items: readonly TranslatedDelivery[],
  kind: Fact['kind'],
): Promise<[string, Recorded][]> {
  const facts = items.flatMap(({ delivery: { account }, translation }) =>
    translation.ok && isFact(translation.event) && translation.event.kind === kind
      ? [{ account, event: translation.event }]
      : [],
  );
  const keys = facts.map(({ account, event }) => ({ account, id: factId(event) }));
  const rows = await loadRecordedFacts(tx, kind, keys);
  return facts.flatMap(({ account, event }, index) => {
    const row = rows[index];
    return row === undefined ? [] : [[factText(account, event), row]];
  });
}
