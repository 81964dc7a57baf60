// What the service's tables must hold, judged from what the pretend vendor meant, from how each message was answered, and
// from which results it gave out. Independent on purpose: it asks no code of the service, so that a mistake there cannot hide here. Where an
// answer was lost, nobody outside can know whether the message arrived; such sessions are named and not judged.
import type { Source } from '../events/event.ts';
import { byMessage, judgeAnswers } from './answers.ts';
import type { Answer } from './deliver.ts';
import type { Message } from './message.ts';
import { pullName } from './read-tables.ts';
import type { Scenario, ScenarioSession } from './scenario.ts';
import { type ExpectedSession, expectStanding, type Parking, type Told } from './standing.ts';
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
  readonly source: Source;
  readonly state: 'done' | 'parked';
  readonly reason: string | null;
}

export interface Expectation {
  readonly mark: string;
  readonly sessions: ReadonlyMap<string, ExpectedSession>;
  readonly ghostSessionIds: readonly string[];
  readonly faceMatches: readonly ExpectedFact[];
  readonly complianceAlerts: readonly ExpectedFact[];
  /** By their ids; a pulled one by the name of its session's pull. */
  readonly deliveries: ReadonlyMap<string, ExpectedDelivery>;
  readonly parkings: readonly Parking[];
  /** Sessions about which the service must have raised an alert of its own. */
  readonly contradicted: ReadonlySet<string>;
  /** Sessions and rows of a message whose answer was lost. */
  readonly undecided: ReadonlySet<string>;
  /** Answers that the contract does not allow. */
  readonly wrongAnswers: readonly string[];
}

/** Judges a run; `pulled` names the sessions whose verdict the service asked for and got. Pure. */
export function expectTables(
  scenario: Scenario,
  answers: readonly Answer[],
  pulled: ReadonlySet<string> = new Set(),
): Expectation {
  const answersOf = byMessage(answers);
  const deliveries = new Map<string, ExpectedDelivery>();
  const told: Told[] = [];
  const undecided = new Set<string>();
  const wrongAnswers: string[] = [];
  for (const message of scenario.messages) {
    if (message.isDropped) continue;
    const judged = judgeAnswers(message, answersOf.get(message.index) ?? []);
    wrongAnswers.push(...judged.wrong);
    if (judged.isUndecided) for (const id of idsOf(message)) undecided.add(id);
    const { deliveryId, signedAtSeconds } = judged;
    if (deliveryId === undefined || message.meaning.fate === 'refused') continue;
    const { meaning, name, webhookId } = message;
    const isParked = meaning.fate === 'parked';
    const reason = isParked ? meaning.reason : null;
    const state = isParked ? 'parked' : 'done';
    deliveries.set(deliveryId, { name, webhookId, source: 'webhook', state, reason });
    if (meaning.fate === 'recorded') {
      const statement = dated(meaning.statement, signedAtSeconds);
      told.push({ deliveryId, source: 'webhook', statement });
    }
  }
  for (const { sessionId, truth } of scenario.sessions) {
    if (truth === null || !pulled.has(sessionId)) continue;
    const deliveryId = pullName(sessionId);
    const name = `the answer about session ${sessionId}`;
    deliveries.set(deliveryId, { name, webhookId: deliveryId, source: 'pull', state: 'done', reason: null });
    told.push({ deliveryId, source: 'pull', statement: truth });
  }
  const { sessions, parkings, contradicted } = expectSessions(told, scenario.isLive ? scenario.sessions : []);
  return {
    mark: scenario.mark,
    sessions,
    ghostSessionIds: scenario.ghostSessionIds,
    faceMatches: expectFacts(told, 'match'),
    complianceAlerts: expectFacts(told, 'alert'),
    deliveries,
    parkings,
    contradicted,
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

// A session that was created through the service keeps the reference that it was created with.
function expectSessions(
  told: readonly Told[],
  created: readonly ScenarioSession[],
): Pick<Expectation, 'sessions' | 'parkings' | 'contradicted'> {
  const referenceOf = new Map(
    created
      .filter(({ truth }) => truth !== null)
      .map(({ sessionId, referenceId }) => [sessionId, referenceId]),
  );
  const bySession = Map.groupBy(told, ({ statement }) => statement.sessionId);
  // Expected from its creation on, also while nobody has told anything of it.
  for (const sessionId of referenceOf.keys()) if (!bySession.has(sessionId)) bySession.set(sessionId, []);
  const sessions = new Map<string, ExpectedSession>();
  const parkings: Parking[] = [];
  const contradicted = new Set<string>();
  for (const [sessionId, each] of bySession) {
    if (sessionId === null) continue;
    const { session, parking, isContradicted } = expectStanding(each);
    const referenceId = session.referenceId ?? referenceOf.get(sessionId) ?? session.referenceId;
    sessions.set(sessionId, { ...session, referenceId });
    if (parking !== undefined) parkings.push(parking);
    if (isContradicted) contradicted.add(sessionId);
  }
  return { sessions, parkings, contradicted };
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
