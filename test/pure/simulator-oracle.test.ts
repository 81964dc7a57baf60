// The oracle agrees with the service's own rules while sharing none of their code, and it sees whatever is wrong. The
// service here is the one in memory, around the real rules, so that any disagreement is between two descriptions of the
// same promise.
import { expect, test } from 'vitest';
import { compare } from '../../src/simulator/compare.ts';
import { judgeCompleteness } from '../../src/simulator/completeness.ts';
import type { Answer } from '../../src/simulator/deliver.ts';
import { defaultShares } from '../../src/simulator/faults.ts';
import type { Message } from '../../src/simulator/message.ts';
import { expectTables } from '../../src/simulator/oracle.ts';
import type { Row, Tables } from '../../src/simulator/read-tables.ts';
import { planScenario, type Scenario } from '../../src/simulator/scenario.ts';
import { summarize } from '../../src/simulator/summary.ts';

import { now, play } from './simulator-memory-service.ts';

function plan(seed: number, more: { dropShare?: number; isLive?: boolean } = {}): Scenario {
  return planScenario({ seed, label: 'test', sessionCount: 80, now, faults: defaultShares, ...more });
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

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'agrees with them where sessions are asked about, before, among and after the webhooks (seed %i)',
  (seed) => {
    const scenario = plan(seed, { dropShare: 0.3, isLive: true });
    const all = scenario.sessions.filter(({ truth }) => truth !== null).map(({ sessionId }) => sessionId);
    const some = all.filter((_, index) => index % 3 === seed % 3);
    for (const asked of [all, some]) {
      const pulled = new Set(asked);
      for (const when of ['before', 'among', 'after'] as const) {
        const { answers, tables } = play(scenario, (messages) => messages, { pulled, when });
        expect(compare(expectTables(scenario, answers, pulled), tables)).toEqual([]);
      }
    }
  },
);

test('a session whose verdict was dropped and never asked for is expected, with no verdict', () => {
  const scenario = plan(3, { dropShare: 1, isLive: true });
  const { answers, tables } = play(scenario, (messages) => messages);
  expect(compare(expectTables(scenario, answers), tables)).toEqual([]);
  expect(tables.sessions.length).toBe(scenario.sessions.length);
  expect(tables.sessions.every(({ verdict }) => verdict === null)).toBe(true);
});

test('completeness is believed only where it adds up and is what the tables hold', () => {
  const sessions = [
    { state: 'settled', settled_source: 'webhook' },
    { state: 'settled', settled_source: 'pull' },
    { state: 'expected', settled_source: null },
  ];
  const said = {
    from: '',
    to: '',
    expected: 3,
    settled_by_webhook: 1,
    settled_by_pull: 1,
    disputed: 0,
    expired: 0,
    unrecoverable: 0,
    open: 1,
    adds_up: true,
    settle_delay_ms: { p50: 1, p99: 1 },
    oldest_open_at: null,
  };
  expect(judgeCompleteness(said, sessions)).toEqual([]);
  expect(judgeCompleteness({ ...said, adds_up: false }, sessions)).toHaveLength(1);
  expect(judgeCompleteness({ ...said, settled_by_pull: 0, open: 2 }, sessions)).toHaveLength(2);
  expect(judgeCompleteness({ ...said, expected: 4, open: 2 }, sessions)).toHaveLength(2);
  expect(judgeCompleteness({ ...said, open: 2 }, sessions)).toHaveLength(2);
});

test('adds up', () => {
  const scenario = plan(3);
  const { answers, tables } = play(scenario, (messages) => messages);
  const expectation = expectTables(scenario, answers);
  const summary = summarize({
    scenario,
    answers,
    tables,
    expectation,
    differences: [],
    sendingMs: 1000,
    settlingMs: 0,
    completeness: undefined,
  });
  expect(summary.sent.requests).toBe(summary.accepted.total + summary.refused.total + summary.lost);
  expect(summary.accepted.total).toBe(summary.accepted.deliveries + summary.accepted.repeats);
  expect(summary.accepted.deliveries).toBe(expectation.deliveries.size);
  expect(summary.deliveries).toEqual({
    done: expectation.deliveries.size - summary.parked.total,
    parked: summary.parked.total,
  });
  expect(summary.parked.byReason.disputed).toBe(expectation.parkings.length);
  expect(summary.sessions.byWebhook).toBe(summary.sessions.settled + summary.sessions.disputed);
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
  'a dispute without an alert': ({ complianceAlerts }) => ({
    complianceAlerts: complianceAlerts.filter(({ category }) => category !== 'verdict_dispute'),
  }),
  'an alert about no dispute': ({ complianceAlerts, sessions }) => ({
    complianceAlerts: [
      ...complianceAlerts,
      {
        alert_id: 'dispute:x',
        category: 'verdict_dispute',
        severity: 'high',
        session_id: sessions.find(isSettled)?.session_id,
      },
    ],
  }),
  'a confirmation by nobody': ({ sessions }) => ({
    sessions: edit(sessions, isSettled, { confirmation: 'confirmed' }),
  }),
  'a pull that nobody made': (tables) => ({
    deliveries: [...tables.deliveries, { delivery_id: 'another', webhook_id: 'pull:x', source: 'pull' }],
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
