// The transaction of a batch: lock what it speaks of, take its deliveries, decide about each in order, write everything with
// a handful of statements, finish the deliveries. Effect and "done" are one commit, so a crash anywhere in here means
// "again", and again is harmless (guarantee 5). No network call may ever stand in this file.

import { pipelined, type Transaction } from '../db/connect.ts';
import { type FinishedDelivery, finishDeliveries, takeDeliveries } from '../db/deliveries.ts';
import { recordFacts, recordOlderStatements, type Told } from '../db/facts.ts';
import {
  applyStandings,
  recordObservations,
  type SessionKey,
  type SessionToApply,
  sessionKeyText,
} from '../db/sessions.ts';
import { decide } from '../events/decide.ts';
import { disputeOf } from '../events/dispute.ts';
import type { Fact, Verdict } from '../events/event.ts';
import { conclude, inOrderOfTelling, type Observation, type Standing } from '../events/session.ts';
import { type LedgerRules, type Mentioned, planSession } from '../reconcile/ledger-rules.ts';
import { holdMentioned, type Knowledge, loadKnowledge } from './batch-knowledge.ts';
import { finish, finishHint, park } from './finish-delivery.ts';
import { factText, isFact, sessionOf, type TranslatedDelivery } from './translate-delivery.ts';

export interface ApplyOptions {
  readonly now: Date;
  readonly ledger: LedgerRules;
  /** What a session's row is to say, or undefined to leave it; by default what the ledger's rules say. */
  readonly plan?: (mentioned: Mentioned, standing: Standing | undefined) => SessionToApply | undefined;
}

export interface BatchOptions {
  readonly now: () => Date;
  readonly ledger: LedgerRules;
}

/** What a batch stands on, held until the transaction ends: to be asked for with its `begin`. Writes nothing. */
export interface BatchGround {
  /** Those that nobody else holds. */
  readonly taken: ReadonlySet<string>;
  readonly known: Knowledge;
}

export async function holdBatch(tx: Transaction, batch: readonly TranslatedDelivery[]): Promise<BatchGround> {
  const [, taken, known] = await pipelined([
    // Before anything is held by its row; see `db/locks`.
    holdMentioned(tx, batch),
    takeDeliveries(
      tx,
      batch.map(({ delivery }) => delivery.id),
    ),
    loadKnowledge(tx, batch),
  ]);
  return { taken, known };
}

/** Applies the batch and gives the finished deliveries. Those that another worker holds are left out. */
export async function applyBatch(
  tx: Transaction,
  batch: readonly TranslatedDelivery[],
  { taken, known }: BatchGround,
  { now: clock, ledger }: BatchOptions,
): Promise<FinishedDelivery[]> {
  // Not before all is held: what waits for its sessions is known to nobody meanwhile, and would say afterwards that it had been.
  const now = clock();
  const items = batch.filter(({ delivery }) => taken.has(delivery.id));
  if (items.length === 0) return [];
  const decided = decideItems(items, known);
  await pipelined([
    writeDecided(tx, decided, known, { now, ledger }),
    finishDeliveries(tx, decided.finished, now),
  ]);
  return decided.finished;
}

/** Decides about each item in order and writes what comes of it; gives the states that the deliveries are to have. */
export async function applyItems(
  tx: Transaction,
  items: readonly TranslatedDelivery[],
  known: Knowledge,
  options: ApplyOptions,
): Promise<FinishedDelivery[]> {
  const decided = decideItems(items, known);
  await writeDecided(tx, decided, known, options);
  return decided.finished;
}

interface Decided {
  readonly finished: FinishedDelivery[];
  readonly mentioned: ReadonlyMap<string, Mentioned>;
  readonly observed: readonly { readonly key: SessionKey; readonly observation: Observation }[];
  readonly facts: readonly Told<Fact>[];
  readonly older: readonly Told<Fact>[];
}

// Each decision joins what is known, for those that come after it.
function decideItems(items: readonly TranslatedDelivery[], known: Knowledge): Decided {
  const observed: { key: SessionKey; observation: Observation }[] = [];
  const facts = new Map<string, Told<Fact>>();
  const older: Told<Fact>[] = [];
  // Once, or of a session with thousands of observations they would be sorted from scratch for each of its deliveries.
  for (const [text, told] of known.observations) known.observations.set(text, inOrderOfTelling(told));

  const finished = items.map((item) => {
    const { delivery, translation } = item;
    if (!translation.ok) return park(item, translation.reason);
    const { event } = translation;
    const key = sessionOf(item);
    if (!delivery.isProven) return finishHint(item, key);
    const decision = decide(
      {
        observations: (key && known.observations.get(sessionKeyText(key))) ?? [],
        recorded: isFact(event) ? known.recorded.get(factText(delivery.account, event)) : undefined,
      },
      event,
    );
    if ('observation' in decision && key !== undefined) {
      const others = known.observations.get(sessionKeyText(key)) ?? [];
      // What a delivery has stated stands as it was understood then.
      if (!others.some(({ deliveryId }) => deliveryId === delivery.id)) {
        observed.push({ key, observation: decision.observation });
        known.observations.set(sessionKeyText(key), [...others, decision.observation]);
      }
    }
    if (isFact(event)) {
      const text = factText(delivery.account, event);
      const told = { account: delivery.account, event };
      const before = facts.get(text);
      if (!('fact' in decision)) older.push(told);
      else {
        if (before !== undefined) older.push(before);
        facts.set(text, told);
        known.recorded.set(text, event);
      }
    }
    return finish(item, event, decision, key);
  });

  return { finished, mentioned: mentionedSessions(items), observed, facts: [...facts.values()], older };
}

async function writeDecided(
  tx: Transaction,
  { observed, facts, older, mentioned }: Decided,
  known: Knowledge,
  options: ApplyOptions,
): Promise<void> {
  await pipelined([
    observed.length > 0 ? recordObservations(tx, observed, options.now) : undefined,
    recordTold(tx, facts, older, options.now),
    mentioned.size > 0 ? recordSessions(tx, mentioned, known, options) : undefined,
  ]);
}

async function recordSessions(
  tx: Transaction,
  mentioned: ReadonlyMap<string, Mentioned>,
  known: Knowledge,
  { now, ledger, plan }: ApplyOptions,
): Promise<void> {
  const sessions = [...mentioned.entries()].flatMap(([text, session]) => {
    const standing = conclude(known.observations.get(text) ?? []);
    return (plan === undefined ? planSession(session, standing, ledger, now) : plan(session, standing)) ?? [];
  });
  const keepsDue = ledger.confirm === 'unsigned';
  const disputes = [...mentioned.entries()].flatMap(([text, { key }]) => {
    const event = disputeOf(key.sessionId, known.observations.get(text) ?? []);
    return event === undefined ? [] : [{ account: key.account, event }];
  });
  await pipelined([
    sessions.length > 0 ? applyStandings(tx, sessions, { now, keepsDue }) : undefined,
    recordFacts(tx, disputes, now),
  ]);
}

// A session is expected from the moment we hear of it, whatever it was that mentioned it.
function mentionedSessions(items: readonly TranslatedDelivery[]): Map<string, Mentioned> {
  const mentioned = new Map<string, Mentioned>();
  for (const item of items) {
    const key = sessionOf(item);
    if (key === undefined) continue;
    const text = sessionKeyText(key);
    const before = mentioned.get(text);
    const { receivedAt } = item.delivery;
    mentioned.set(text, {
      key,
      expectedAt: before !== undefined && before.expectedAt < receivedAt ? before.expectedAt : receivedAt,
      hints: [...(before?.hints ?? []), ...hintsOf(item)],
    });
  }
  return mentioned;
}

function hintsOf({ delivery, translation }: TranslatedDelivery): Verdict[] {
  if (delivery.isProven || !translation.ok || translation.event.kind !== 'session_completed') return [];
  return [translation.event.verdict];
}

async function recordTold(
  tx: Transaction,
  facts: readonly Told<Fact>[],
  older: readonly Told<Fact>[],
  now: Date,
): Promise<void> {
  const late = await recordFacts(tx, facts, now);
  await recordOlderStatements(tx, [...older, ...late], now);
}
