// A service in memory: a few lines around the real `verify`, `translate`, `decide`, `conclude` and `disputeOf`, so that the
// oracle can be held against the service's own rules without a service.
import { createHash } from 'node:crypto';
import { type Decision, decide } from '../../src/events/decide.ts';
import { disputeOf } from '../../src/events/dispute.ts';
import type { DeliveryId, Event, SessionCompleted, SessionId } from '../../src/events/event.ts';
import type { Instant } from '../../src/events/instant.ts';
import { conclude, type Observation } from '../../src/events/session.ts';
import { defaultTemplate, verify } from '../../src/ilive/signature.ts';
import { catalogueKinds, translate } from '../../src/ilive/translate.ts';
import { type Answer, headersOf } from '../../src/simulator/deliver.ts';
import type { Message } from '../../src/simulator/message.ts';
import { pullName, type Row, type Tables } from '../../src/simulator/read-tables.ts';
import type { Scenario } from '../../src/simulator/scenario.ts';
import { type VerdictStatement, writeMicros } from '../../src/simulator/statement.ts';

export const now = new Date('2026-04-11T09:30:12.456Z');
const signing = {
  keys: [Buffer.from('first'), Buffer.from('second')],
  template: defaultTemplate,
} as const;

/** How the message's signature is judged. */
export function check(message: Message): { reason: string | undefined; signedAtSeconds: number } {
  const signedAtSeconds = Math.floor(now.getTime() / 1000) + message.clockOffsetSeconds;
  const headers = headersOf(message, signedAtSeconds, signing);
  const verification = verify(
    {
      signature: headers['x-ilive-signature'],
      timestamp: headers['x-ilive-timestamp'],
      webhookId: headers['x-ilive-webhook-id'],
    },
    message.sentBody,
    { ...signing, toleranceSeconds: 300, now },
  );
  return { reason: verification.ok ? undefined : verification.reason, signedAtSeconds };
}

export interface Pulls {
  readonly pulled: ReadonlySet<string>;
  readonly when: 'before' | 'among' | 'after';
}

/** Plays a scenario to a service in memory, one delivery after the other. */
export function play(
  scenario: Scenario,
  order: (messages: readonly Message[]) => readonly Message[],
  { pulled, when }: Pulls = { pulled: new Set(), when: 'after' },
): { answers: Answer[]; tables: Tables } {
  const service = createMemoryService(scenario);
  const waiting = scenario.sessions.filter(({ sessionId }) => pulled.has(sessionId));
  const pullSome = (count: number) => {
    for (const session of waiting.splice(0, count)) service.pull(session);
  };
  pullSome(when === 'before' ? waiting.length : 0);
  const sent = order(scenario.messages).filter(({ isDropped }) => !isDropped);
  const answers = sent.flatMap((message): Answer[] => {
    pullSome(when === 'among' ? 1 : 0);
    const { reason, signedAtSeconds } = check(message);
    const attempts = [{ outcome: 'answered', status: reason ? 401 : 202, text: '', latencyMs: 1 }] as const;
    const copyCount = { one: 1, again: 2, at_once: 3 }[message.copies];
    return Array.from({ length: copyCount }, (_, copy) => ({
      message: message.index,
      signedAtSeconds,
      attempts,
      result:
        reason === undefined
          ? { outcome: 'accepted', deliveryId: service.receive(message, signedAtSeconds), isRepeat: copy > 0 }
          : { outcome: 'refused', status: 401, code: reason },
    }));
  });
  pullSome(waiting.length);
  return { answers, tables: service.tables() };
}

function createMemoryService({ isLive, sessions: planned }: Scenario) {
  const created = planned.filter(({ truth }) => isLive && truth !== null);
  const referenceOf = new Map(created.map(({ sessionId, referenceId }) => [sessionId, referenceId]));
  const deliveries = new Map<string, Row>();
  const observations = new Map<string, Observation[]>(created.map(({ sessionId }) => [sessionId, []]));
  const facts = new Map<string, Exclude<Event, { kind: 'unknown' | 'session_completed' }>>();
  const catalogue = catalogueKinds({}, []);

  const act = (event: Event): Decision => {
    const sessionId = event.kind === 'unknown' ? null : event.sessionId;
    const known = observations.get(sessionId ?? '') ?? [];
    if (sessionId !== null) observations.set(sessionId, known);
    const key =
      event.kind === 'face_matched' ? event.matchId : event.kind === 'compliance_alert' ? event.alertId : '';
    const decision = decide({ observations: known, recorded: facts.get(key) }, event);
    if ('observation' in decision) known.push(decision.observation);
    if ('fact' in decision) facts.set(key, decision.fact);
    return decision;
  };

  return {
    receive: (message: Message, signedAtSeconds: number): string => {
      const bodySha256 = createHash('sha256').update(message.sentBody).digest();
      const once = `${message.webhookId} ${bodySha256.toString('hex')}`;
      const first = deliveries.get(once)?.delivery_id;
      if (first !== undefined) return String(first);
      const id = `delivery-${String(deliveries.size).padStart(6, '0')}` as DeliveryId;
      const stored = {
        id,
        source: 'webhook',
        body: message.sentBody,
        bodySha256,
        receivedAt: now,
        pulledSessionId: null,
      } as const;
      const read = translate({ ...stored, signedAtSeconds }, catalogue);
      const decision = read.ok ? act(read.event) : { decision: 'park', reason: read.reason };
      const isParked = decision.decision === 'park' || decision.decision === 'dispute';
      const reason =
        decision.decision === 'dispute' ? 'disputed' : 'reason' in decision ? decision.reason : null;
      deliveries.set(once, {
        delivery_id: id,
        webhook_id: message.webhookId,
        source: 'webhook',
        state: isParked ? 'parked' : 'done',
        decision: decision.decision,
        reason,
      });
      return id;
    },
    pull: ({ sessionId, referenceId, truth }: Scenario['sessions'][number]): void => {
      if (truth === null) throw new Error('nobody ends a session that is only mentioned');
      const id = `delivery-${String(deliveries.size).padStart(6, '0')}` as DeliveryId;
      const { decision } = act(answerAbout(sessionId, referenceId, truth, id));
      const isParked = decision === 'dispute';
      deliveries.set(id, {
        delivery_id: id,
        webhook_id: pullName(sessionId),
        source: 'pull',
        state: isParked ? 'parked' : 'done',
        decision,
        reason: isParked ? 'disputed' : null,
      });
    },
    tables: (): Tables =>
      showTables([...deliveries.values()], observations, [...facts.values()], referenceOf),
  };
}

function answerAbout(
  sessionId: string,
  referenceId: string,
  { verdict, confidence, atMicros }: VerdictStatement,
  deliveryId: DeliveryId,
): SessionCompleted {
  return {
    kind: 'session_completed',
    deliveryId,
    source: 'pull',
    sessionId: sessionId as SessionId,
    referenceId,
    verdict,
    confidence,
    occurredAt: `${writeMicros(atMicros ?? 0)}Z` as Instant,
    fingerprint: `answer about ${sessionId}`,
  };
}

function showTables(
  deliveries: readonly Row[],
  observations: ReadonlyMap<string, Observation[]>,
  facts: readonly Exclude<Event, { kind: 'unknown' | 'session_completed' }>[],
  referenceOf: ReadonlyMap<string, string>,
): Tables {
  const sessions = [...observations].map(([id, known]) => showSession(id, known, referenceOf.get(id)));
  const disputes = [...observations].flatMap(([id, known]) => disputeOf(id as SessionId, known) ?? []);
  return {
    deliveries,
    sessions: sessions.map(({ observations: _, ...row }) => row),
    sessionDetails: sessions,
    faceMatches: facts.filter((event) => event.kind === 'face_matched').map(showFact),
    complianceAlerts: [...facts.filter((event) => event.kind === 'compliance_alert'), ...disputes].map(
      showFact,
    ),
  };
}

function showSession(id: string, known: readonly Observation[], createdWith: string | undefined) {
  const standing = conclude(known);
  return {
    session_id: id,
    state: standing?.state ?? 'expected',
    verdict: standing?.verdict ?? null,
    confidence: standing?.confidence ?? null,
    verdict_at: standing?.verdictAt ?? null,
    confirmation: standing?.confirmation ?? 'unconfirmed',
    reference_id: standing?.referenceId ?? createdWith ?? null,
    settled_by: standing?.settledBy ?? null,
    settled_source: standing?.settledSource ?? null,
    observations: known.map(({ deliveryId }) => ({ delivery_id: deliveryId })),
  };
}

// Our words for a field → the API's.
function showFact(event: object): Row {
  const snake = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(event).map(([name, value]) => [snake(name), value]));
}
