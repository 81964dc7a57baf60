// The oracle agrees with the service's own rules while sharing none of their code, and it sees whatever is wrong. The
// service here is a few lines in memory around the real `verify`, `translate`, `decide` and `conclude`, so that any
// disagreement is between two descriptions of the same promise.
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { type Decision, decide } from '../../src/events/decide.ts';
import type { DeliveryId, Event } from '../../src/events/event.ts';
import { conclude, type Observation } from '../../src/events/session.ts';
import { defaultTemplate, parseTemplate, type Template, verify } from '../../src/ilive/signature.ts';
import { catalogueKinds, translate } from '../../src/ilive/translate.ts';
import { compare } from '../../src/simulator/compare.ts';
import { type Answer, headersOf } from '../../src/simulator/deliver.ts';
import { defaultShares } from '../../src/simulator/faults.ts';
import type { Message } from '../../src/simulator/message.ts';
import { expectTables } from '../../src/simulator/oracle.ts';
import type { Row, Tables } from '../../src/simulator/read-tables.ts';
import { planScenario, type Scenario } from '../../src/simulator/scenario.ts';
import { summarize } from '../../src/simulator/summary.ts';

const now = new Date('2026-04-11T09:30:12.456Z');
const signing = {
  keys: [Buffer.from('first'), Buffer.from('second')],
  template: parseTemplate(defaultTemplate) as Template,
} as const;

function plan(seed: number): Scenario {
  return planScenario({ seed, label: 'test', sessionCount: 80, now, faults: defaultShares });
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'agrees with the rules of the service, whatever the order (seed %i)',
  (seed) => {
    const { answers, tables } = play(plan(seed), (messages) => messages);
    expect(compare(expectTables(plan(seed), answers), tables)).toEqual([]);
    const backwards = play(plan(seed), (messages) => messages.toReversed());
    expect(compare(expectTables(plan(seed), backwards.answers), backwards.tables)).toEqual([]);
  },
);

test('adds up', () => {
  const scenario = plan(3);
  const { answers, tables } = play(scenario, (messages) => messages);
  const expectation = expectTables(scenario, answers);
  const summary = summarize({ scenario, answers, tables, expectation, differences: [], sendingMs: 1000 });
  expect(summary.sent.requests).toBe(summary.accepted.total + summary.refused.total + summary.lost);
  expect(summary.accepted.total).toBe(summary.accepted.deliveries + summary.accepted.repeats);
  expect(summary.accepted.deliveries).toBe(expectation.deliveries.size);
  expect(summary.deliveries).toEqual({
    done: expectation.deliveries.size - summary.parked.total,
    parked: summary.parked.total,
  });
  expect(summary.parked.byReason.disputed).toBe(expectation.disputes.length);
  expect(summary.sessions.total).toBe(expectation.sessions.size);
  expect(summary.faceMatches).toBe(expectation.faceMatches.length);
});

const corruptions: Record<string, (tables: Tables) => Partial<Tables>> = {
  'a verdict': ({ sessions }) => ({ sessions: edit(sessions, isSettled, { verdict: 'unheard-of' }) }),
  'a microsecond': ({ sessions }) => ({
    sessions: edit(sessions, isSettled, { verdict_at: '2026-04-11T09:00:00.000001Z' }),
  }),
  'a reference': ({ sessions }) => ({ sessions: edit(sessions, isSettled, { reference_id: null }) }),
  'who settled it': ({ sessions }) => ({ sessions: edit(sessions, isSettled, { settled_by: 'nobody' }) }),
  'a dispute kept quiet': ({ sessions }) => ({
    sessions: edit(sessions, (row) => row.state === 'disputed', { state: 'settled' }),
  }),
  'a missing session': ({ sessions }) => ({ sessions: sessions.slice(1) }),
  'a session of a forgery': (tables) => ({
    sessions: [...tables.sessions, { session_id: plan(3).ghostSessionIds[0], state: 'settled' }],
  }),
  'a session nobody spoke of': (tables) => ({
    sessions: [...tables.sessions, { session_id: 'other', state: 'settled' }],
  }),
  'a lost observation': ({ sessionDetails }) => ({
    sessionDetails: edit(sessionDetails, isSettled, { observations: [] }),
  }),
  'a missing face match': ({ faceMatches }) => ({ faceMatches: faceMatches.slice(1) }),
  'a face match twice': ({ faceMatches }) => ({
    faceMatches: [...faceMatches, { ...faceMatches[0], delivery_id: 'another' }],
  }),
  'a similarity': ({ faceMatches }) => ({
    faceMatches: edit(faceMatches, () => true, { similarity: 0.1 }),
  }),
  'an alert’s details': ({ complianceAlerts }) => ({
    complianceAlerts: edit(complianceAlerts, () => true, { details: { list: 'none' } }),
  }),
  'a missing delivery': ({ deliveries }) => ({ deliveries: deliveries.slice(1) }),
  'a delivery nobody accepted': ({ deliveries }) => ({
    deliveries: [...deliveries, { ...deliveries[0], delivery_id: 'another' }],
  }),
  'a delivery parked for another reason': ({ deliveries }) => ({
    deliveries: edit(deliveries, (row) => row.reason === 'invalid_json', { reason: 'unknown_kind' }),
  }),
  'a delivery still owed': ({ deliveries }) => ({
    deliveries: edit(deliveries, (row) => row.decision !== 'dispute', { state: 'received' }),
  }),
};

test.each(Object.entries(corruptions))('sees %s', (_, corrupt) => {
  const scenario = plan(3);
  const { answers, tables } = play(scenario, (messages) => messages);
  const differences = compare(expectTables(scenario, answers), { ...tables, ...corrupt(tables) });
  expect(differences.length).toBeGreaterThan(0);
});

test('sees an accepted forgery, a refused truth, and a repeat of nothing', () => {
  const scenario = plan(3);
  const { answers } = play(scenario, (messages) => messages);
  const wrong = answers.map((answer): Answer => {
    const { meaning, copies, transport } = scenario.messages[answer.message] as Message;
    if (meaning.fate === 'refused') {
      return { ...answer, result: { outcome: 'accepted', deliveryId: 'forged', isRepeat: false } };
    }
    if (copies !== 'one' || transport !== 'whole') return answer;
    return answer.message % 2 === 0
      ? { ...answer, result: { outcome: 'refused', status: 400, code: 'invalid_json' } }
      : { ...answer, result: { outcome: 'accepted', deliveryId: `x${answer.message}`, isRepeat: true } };
  });
  const sentences = expectTables(scenario, wrong).wrongAnswers.join('\n');
  expect(sentences).toMatch(/accepted, and must be refused with 401 signature_mismatch/);
  expect(sentences).toMatch(/truly signed, and refused with 400 invalid_json/);
  expect(sentences).toMatch(/called a repeat, and nothing like it was sent before/);
});

test('does not judge what it cannot know: a message whose answers were lost', () => {
  const scenario = plan(3);
  const { answers, tables } = play(scenario, (messages) => messages);
  const lostOne = answers.map((answer) =>
    answer.message === 0 ? { ...answer, result: { outcome: 'lost' as const } } : answer,
  );
  const expectation = expectTables(scenario, lostOne);
  expect(expectation.undecided.size).toBeGreaterThan(0);
  expect(compare(expectation, tables)).toEqual([]);
});

function isSettled(row: Row): boolean {
  return row.state === 'settled';
}

function edit(rows: readonly Row[], which: (row: Row) => boolean, change: Row): Row[] {
  const index = rows.findIndex(which);
  if (index < 0) throw new Error('there is no such row to corrupt');
  return rows.map((row, place) => (place === index ? { ...row, ...change } : row));
}

function check(message: Message): { reason: string | undefined; signedAtSeconds: number } {
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

// A service in memory, one delivery after the other.
function play(
  scenario: Scenario,
  order: (messages: readonly Message[]) => readonly Message[],
): { answers: Answer[]; tables: Tables } {
  const service = createMemoryService();
  const answers = order(scenario.messages).flatMap((message): Answer[] => {
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
  return { answers, tables: service.tables() };
}

function createMemoryService() {
  const deliveries = new Map<string, Row>();
  const observations = new Map<string, Observation[]>();
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
    tables: (): Tables => {
      const sessions = [...observations].map(([id, known]) => showSession(id, known));
      const rows = [...facts.values()];
      return {
        deliveries: [...deliveries.values()],
        sessions: sessions.map(({ observations: _, ...row }) => row),
        sessionDetails: sessions,
        faceMatches: rows.filter((event) => event.kind === 'face_matched').map(showFact),
        complianceAlerts: rows.filter((event) => event.kind === 'compliance_alert').map(showFact),
      };
    },
  };
}

function showSession(id: string, known: readonly Observation[]) {
  const standing = conclude(known);
  return {
    session_id: id,
    state: standing?.state ?? 'expected',
    verdict: standing?.verdict ?? null,
    confidence: standing?.confidence ?? null,
    verdict_at: standing?.verdictAt ?? null,
    confirmation: standing?.confirmation ?? 'unconfirmed',
    reference_id: standing?.referenceId ?? null,
    settled_by: standing?.settledBy ?? null,
    observations: known.map(({ deliveryId }) => ({ delivery_id: deliveryId })),
  };
}

// Our words for a field → the API's.
function showFact(event: object): Row {
  const snake = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(event).map(([name, value]) => [snake(name), value]));
}
