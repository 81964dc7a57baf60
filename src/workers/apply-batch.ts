// The transaction of a batch: take its deliveries, lock its sessions, decide about each in order, write everything with
// a handful of statements, finish the deliveries. Effect and "done" are one commit, so a crash anywhere in here means
// "again", and again is harmless (guarantee 5). No network call may ever stand in this file.

import type { Transaction } from '../db/connect.ts';
import { type FinishedDelivery, finishDeliveries, takeDeliveries } from '../db/deliveries.ts';
import { recordComplianceAlerts, recordFaceMatches } from '../db/facts.ts';
import { applyStandings, recordObservations, type SessionKey, sessionKeyText } from '../db/sessions.ts';
import { decide } from '../events/decide.ts';
import { disputeOf } from '../events/dispute.ts';
import { conclude, type Observation } from '../events/session.ts';
import { type LedgerRules, type Mentioned, planSession } from '../reconcile/ledger-rules.ts';
import { type Knowledge, loadKnowledge } from './batch-knowledge.ts';
import { finish, finishHint, finishUnreadable } from './finish-delivery.ts';
import { type Fact, factKeyText, isFact, sessionOf, type TranslatedDelivery } from './translate-delivery.ts';

export interface ApplyOptions {
  readonly now: Date;
  readonly ledger: LedgerRules;
}

/** Applies the batch and gives the finished deliveries. Those that another worker holds are left out. */
export async function applyBatch(
  tx: Transaction,
  batch: readonly TranslatedDelivery[],
  options: ApplyOptions,
): Promise<FinishedDelivery[]> {
  const taken = await takeDeliveries(
    tx,
    batch.map(({ delivery }) => delivery.id),
  );
  const items = batch.filter(({ delivery }) => taken.has(delivery.id));
  if (items.length === 0) return [];
  const known = await loadKnowledge(tx, items);
  const finished = await applyItems(tx, items, known, options);
  await finishDeliveries(tx, finished, options.now);
  return finished;
}

/** Decides about each item in order and writes what comes of it; gives the states that the deliveries are to have. */
export async function applyItems(
  tx: Transaction,
  items: readonly TranslatedDelivery[],
  known: Knowledge,
  { now, ledger }: ApplyOptions,
): Promise<FinishedDelivery[]> {
  const mentioned = mentionedSessions(items);
  const observed: { key: SessionKey; observation: Observation }[] = [];
  const facts = new Map<string, { account: string; event: Fact }>();

  const finished = items.map((item) => {
    const { delivery, translation } = item;
    if (!translation.ok) return finishUnreadable(item);
    const { event } = translation;
    const key = sessionOf(item);
    if (!delivery.isProven) return finishHint(item, key);
    const decision = decide(
      {
        observations: (key && known.observations.get(sessionKeyText(key))) ?? [],
        recorded: isFact(event) ? known.recorded.get(factKeyText(delivery.account, event)) : undefined,
      },
      event,
    );
    if ('observation' in decision && key !== undefined) {
      observed.push({ key, observation: decision.observation });
      const others = known.observations.get(sessionKeyText(key)) ?? [];
      known.observations.set(sessionKeyText(key), [...others, decision.observation]);
    }
    if ('fact' in decision) {
      const text = factKeyText(delivery.account, decision.fact);
      facts.set(text, { account: delivery.account, event: decision.fact });
      known.recorded.set(text, decision.fact);
    }
    return finish(item, event, decision, key);
  });

  if (observed.length > 0) await recordObservations(tx, observed, now);
  await recordFacts(tx, [...facts.values()], now);
  if (mentioned.size > 0) {
    const sessions = [...mentioned.entries()].map(([text, session]) =>
      planSession(session, conclude(known.observations.get(text) ?? []), ledger, now),
    );
    await applyStandings(tx, sessions, now);
    const disputes = [...mentioned.entries()].flatMap(([text, { key }]) => {
      const event = disputeOf(key.sessionId, known.observations.get(text) ?? []);
      return event === undefined ? [] : [{ account: key.account, event }];
    });
    await recordComplianceAlerts(tx, disputes, now);
  }
  return finished;
}

// A session is expected from the moment we hear of it, whatever it was that mentioned it.
function mentionedSessions(items: readonly TranslatedDelivery[]): Map<string, Mentioned> {
  const mentioned = new Map<string, Mentioned>();
  for (const item of items) {
    const key = sessionOf(item);
    if (key === undefined) continue;
    const text = sessionKeyText(key);
    const before = mentioned.get(text);
    const { receivedAt, isProven } = item.delivery;
    mentioned.set(text, {
      key,
      expectedAt: before !== undefined && before.expectedAt < receivedAt ? before.expectedAt : receivedAt,
      isHinted: !isProven || (before?.isHinted ?? false),
    });
  }
  return mentioned;
}

async function recordFacts(
  tx: Transaction,
  facts: readonly { readonly account: string; readonly event: Fact }[],
  now: Date,
): Promise<void> {
  const matches = facts.flatMap(({ account, event }) =>
    event.kind === 'face_matched' ? [{ account, event }] : [],
  );
  const alerts = facts.flatMap(({ account, event }) =>
    event.kind === 'compliance_alert' ? [{ account, event }] : [],
  );
  await recordFaceMatches(tx, matches, now);
  await recordComplianceAlerts(tx, alerts, now);
}
