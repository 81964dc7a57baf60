// The transaction of a batch: take its deliveries, lock its sessions, decide about each in order, write everything with
// a handful of statements, finish the deliveries. Effect and "done" are one commit, so a crash anywhere in here means
// "again", and again is harmless (guarantee 5). No network call may ever stand in this file.

import type { Transaction } from '../db/connect.ts';
import {
  type FinishedDelivery,
  finishDeliveries,
  type OwedDelivery,
  takeDeliveries,
} from '../db/deliveries.ts';
import { loadRecordedFacts, recordComplianceAlerts, recordFaceMatches } from '../db/facts.ts';
import {
  applyStandings,
  loadObservations,
  lockSessions,
  recordObservations,
  type SessionKey,
  sessionKeyText,
} from '../db/sessions.ts';
import { type Decision, decide, type Recorded } from '../events/decide.ts';
import { disputeOf } from '../events/dispute.ts';
import type { ComplianceAlerted, Event, FaceMatched } from '../events/event.ts';
import { conclude, type Observation } from '../events/session.ts';
import type { Translation } from '../ilive/translate.ts';
import { type LedgerRules, type Mentioned, planSession } from '../reconcile/ledger-rules.ts';

export interface TranslatedDelivery {
  readonly delivery: OwedDelivery;
  readonly translation: Translation | { readonly ok: false; readonly reason: 'body_missing' };
}

type Fact = FaceMatched | ComplianceAlerted;

// What the batch knows so far: what the database held when its locks were taken, and what its own deliveries added.
interface Knowledge {
  readonly observations: Map<string, Observation[]>;
  readonly recorded: Map<string, Recorded>;
}

export interface ApplyOptions {
  readonly now: Date;
  readonly ledger: LedgerRules;
}

/** Applies the batch and gives the finished deliveries. Those that another worker holds are left out. */
export async function applyBatch(
  tx: Transaction,
  batch: readonly TranslatedDelivery[],
  { now, ledger }: ApplyOptions,
): Promise<FinishedDelivery[]> {
  const taken = await takeDeliveries(
    tx,
    batch.map(({ delivery }) => delivery.id),
  );
  const items = batch.filter(({ delivery }) => taken.has(delivery.id));
  if (items.length === 0) return [];
  const mentioned = mentionedSessions(items);
  const known = await loadKnowledge(tx, items, [...mentioned.values()]);
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
  await finishDeliveries(tx, finished, now);
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

async function loadKnowledge(
  tx: Transaction,
  items: readonly TranslatedDelivery[],
  mentioned: readonly Mentioned[],
): Promise<Knowledge> {
  const keys = mentioned.map(({ key }) => key);
  if (keys.length > 0) await lockSessions(tx, keys);
  const observations = keys.length > 0 ? await loadObservations(tx, keys) : new Map<string, Observation[]>();
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

function finish(
  { delivery, translation }: TranslatedDelivery,
  event: Event,
  decision: Decision,
  key: SessionKey | undefined,
): FinishedDelivery {
  const common = {
    id: delivery.id,
    kind: event.kind,
    vendorKind: 'vendorKind' in translation ? translation.vendorKind : null,
    sessionId: key?.sessionId ?? null,
    decision: decision.decision,
    detail: null,
  };
  switch (decision.decision) {
    case 'settle':
    case 'confirm':
    case 'repeat':
    case 'record':
      return { ...common, state: 'done', reason: null };
    case 'ignore':
      return { ...common, state: 'ignored', reason: null };
    case 'dispute':
      return { ...common, state: 'parked', reason: 'disputed' };
    case 'park':
      return { ...common, state: 'parked', reason: decision.reason };
  }
}

// Unsigned, so it proves nothing; what it says is asked of iLive.
function finishHint(item: TranslatedDelivery, key: SessionKey | undefined): FinishedDelivery {
  const finished = finishUnreadable(item);
  const kind = item.translation.ok ? item.translation.event.kind : 'unknown';
  const sessionId = key?.sessionId ?? null;
  if (kind !== 'session_completed') return { ...finished, kind, sessionId, reason: 'unproven' };
  return {
    ...finished,
    state: 'done',
    decision: 'record',
    kind,
    sessionId,
    detail: 'unsigned: a hint, to be pulled',
  };
}

function finishUnreadable({ delivery, translation }: TranslatedDelivery): FinishedDelivery {
  return {
    id: delivery.id,
    state: 'parked',
    decision: 'park',
    kind: 'kind' in translation ? translation.kind : 'unknown',
    vendorKind: 'vendorKind' in translation ? translation.vendorKind : null,
    sessionId: null,
    reason: 'reason' in translation ? translation.reason : null,
    detail: 'detail' in translation ? translation.detail : null,
  };
}

function sessionOf({ delivery, translation }: TranslatedDelivery): SessionKey | undefined {
  if (!translation.ok || translation.event.kind === 'unknown') return undefined;
  const { sessionId } = translation.event;
  return sessionId === null ? undefined : { sessionId, account: delivery.account };
}

function isFact(event: Event): event is Fact {
  return event.kind === 'face_matched' || event.kind === 'compliance_alert';
}

function factId(event: Fact): string {
  return event.kind === 'face_matched' ? event.matchId : event.alertId;
}

function factKeyText(account: string, event: Fact): string {
  return JSON.stringify([event.kind, account, factId(event)]);
}
