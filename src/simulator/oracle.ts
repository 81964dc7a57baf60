// What the service's tables must hold, judged from what the pretend vendor meant and from how each message was
// answered. Independent on purpose: it asks no code of the service, so that a mistake there cannot hide here. Where an
// answer was lost, nobody outside can know whether the message arrived; such sessions are named and not judged.
import { byMessage, judgeAnswers } from './answers.ts';
import type { Answer } from './deliver.ts';
import type { Message } from './message.ts';
import type { Scenario } from './scenario.ts';
import { type ExpectedSession, expectStanding, type Told } from './standing.ts';
import type { AlertStatement, MatchStatement, Statement } from './statement.ts';
import { writeMicros } from './statement.ts';

export interface ExpectedFact {
  readonly name: string;
  /** The row points at one of these. */
  readonly deliveryIds: readonly string[];
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface ExpectedDelivery {
  readonly name: string;
  readonly webhookId: string;
  readonly state: 'done' | 'parked';
  readonly reason: string | null;
}

export interface Expectation {
  readonly mark: string;
  readonly sessions: ReadonlyMap<string, ExpectedSession>;
  readonly ghostSessionIds: readonly string[];
  readonly faceMatches: readonly ExpectedFact[];
  readonly complianceAlerts: readonly ExpectedFact[];
  readonly deliveries: ReadonlyMap<string, ExpectedDelivery>;
  /** Of each group, exactly one delivery is parked as disputed and the others are done: which, is the order's doing. */
  readonly disputes: readonly (readonly string[])[];
  /** Sessions and rows of a message whose answer was lost. */
  readonly undecided: ReadonlySet<string>;
  /** Answers that the contract does not allow. */
  readonly wrongAnswers: readonly string[];
}

/** Judges a run. Pure. */
export function expectTables(scenario: Scenario, answers: readonly Answer[]): Expectation {
  const answersOf = byMessage(answers);
  const deliveries = new Map<string, ExpectedDelivery>();
  const told: Told[] = [];
  const undecided = new Set<string>();
  const wrongAnswers: string[] = [];
  for (const message of scenario.messages) {
    const judged = judgeAnswers(message, answersOf.get(message.index) ?? []);
    wrongAnswers.push(...judged.wrong);
    if (judged.isUndecided) for (const id of idsOf(message)) undecided.add(id);
    const { deliveryId, signedAtSeconds } = judged;
    if (deliveryId === undefined || message.meaning.fate === 'refused') continue;
    const { meaning, name, webhookId } = message;
    const isParked = meaning.fate === 'parked';
    const reason = isParked ? meaning.reason : null;
    deliveries.set(deliveryId, { name, webhookId, state: isParked ? 'parked' : 'done', reason });
    if (meaning.fate === 'recorded') {
      told.push({ deliveryId, statement: dated(meaning.statement, signedAtSeconds) });
    }
  }
  const { sessions, disputes } = expectSessions(told);
  return {
    mark: scenario.mark,
    sessions,
    ghostSessionIds: scenario.ghostSessionIds,
    faceMatches: expectFacts(told, 'match'),
    complianceAlerts: expectFacts(told, 'alert'),
    deliveries,
    disputes,
    undecided,
    wrongAnswers,
  };
}

function idsOf({ webhookId, meaning }: Message): string[] {
  if (meaning.fate !== 'recorded') return [webhookId];
  const { statement } = meaning;
  const factId =
    statement.kind === 'match' ? statement.matchId : statement.kind === 'alert' ? statement.alertId : null;
  return [webhookId, statement.sessionId, factId].filter((id) => id !== null);
}

// A statement that names no time happened when it was signed.
function dated(statement: Statement, signedAtSeconds: number): Statement {
  return statement.atMicros === null ? { ...statement, atMicros: signedAtSeconds * 1_000_000 } : statement;
}

function expectSessions(told: readonly Told[]): Pick<Expectation, 'sessions' | 'disputes'> {
  const bySession = Map.groupBy(told, ({ statement }) => statement.sessionId);
  const sessions = new Map<string, ExpectedSession>();
  const disputes: string[][] = [];
  for (const [sessionId, each] of bySession) {
    if (sessionId === null) continue;
    const { session, contradicting } = expectStanding(each);
    sessions.set(sessionId, session);
    if (contradicting.length > 0) disputes.push(contradicting);
  }
  return { sessions, disputes };
}

function expectFacts(told: readonly Told[], kind: 'match' | 'alert'): ExpectedFact[] {
  const ofKind = told.filter(({ statement }) => statement.kind === kind);
  // The same statement told under two webhook ids is one row; one without an id is known by the delivery that told it.
  const groups = Map.groupBy(ofKind, ({ statement }) => JSON.stringify(statement));
  return [...groups.values()].flatMap((group) => {
    const statement = group[0]?.statement;
    if (statement === undefined || statement.kind === 'verdict') return [];
    return {
      name: `${kind === 'match' ? 'face match' : 'alert'} of ${statement.referenceId}`,
      deliveryIds: group.map(({ deliveryId }) => deliveryId),
      fields: {
        session_id: statement.sessionId,
        reference_id: statement.referenceId,
        occurred_at: `${writeMicros(statement.atMicros ?? 0)}Z`,
        ...(statement.kind === 'match' ? matchFields(statement) : alertFields(statement)),
      },
    };
  });
}

function matchFields(match: MatchStatement): Record<string, unknown> {
  return {
    ...(match.matchId === null ? {} : { match_id: match.matchId }),
    face_id: match.faceId,
    external_face_id: match.externalFaceId,
    collection_id: match.collectionId,
    similarity: match.similarity,
    threshold: match.threshold,
    is_match: match.isMatch,
  };
}

function alertFields(alert: AlertStatement): Record<string, unknown> {
  return {
    ...(alert.alertId === null ? {} : { alert_id: alert.alertId }),
    severity: alert.severity,
    category: alert.category,
    message: alert.message,
    details: alert.details,
  };
}
