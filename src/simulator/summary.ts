// A run in numbers that add up: every request is accepted, refused or lost; every accepted one is a delivery or a repeat
// of one; every delivery is recorded or parked. What the tables hold is counted from what the service showed, not from
// what the oracle expected.
import type { Completeness } from './completeness.ts';
import type { Answer } from './deliver.ts';
import type { Row } from './read-tables.ts';
import type { Run } from './run-scenario.ts';

export interface Quantiles {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface Summary {
  readonly seed: number;
  readonly run: string;
  readonly sent: {
    readonly messages: number;
    /** Written and never sent; the sessions that they were about. */
    readonly dropped: number;
    readonly droppedSessions: number;
    readonly requests: number;
    readonly attempts: number;
    readonly retries: number;
    /** Why: the first attempts that nobody answered, and those answered with 5xx. */
    readonly networkErrors: number;
    readonly serverErrors: number;
  };
  readonly accepted: { readonly total: number; readonly deliveries: number; readonly repeats: number };
  readonly refused: { readonly total: number; readonly byCode: Readonly<Record<string, number>> };
  readonly lost: number;
  readonly verdicts: { readonly pass: number; readonly retry: number; readonly fail: number };
  readonly sessions: {
    readonly total: number;
    readonly settled: number;
    readonly disputed: number;
    readonly expected: number;
    readonly byWebhook: number;
    readonly byPull: number;
  };
  /** What the service says itself; null where it did not create the sessions. */
  readonly completeness: Completeness | null;
  readonly faceMatches: number;
  readonly complianceAlerts: number;
  readonly deliveries: Readonly<Record<string, number>>;
  /** Deliveries among them that the service asked for itself. */
  readonly pulled: number;
  readonly parked: { readonly total: number; readonly byReason: Readonly<Record<string, number>> };
  readonly acknowledgementMs: Quantiles;
  readonly receivedToQueryableMs: Quantiles;
  readonly sendingSeconds: number;
  readonly settlingSeconds: number;
  readonly acceptedPerSecond: number;
  /** Ids of messages whose answers were lost: nobody can say whether they arrived. */
  readonly undecided: number;
  /** True only where everything could be judged. */
  readonly matchesOracle: boolean;
  readonly differences: readonly string[];
}

export function summarize(run: Run): Summary {
  const { scenario, answers, expectation, tables, differences, sendingMs } = run;
  const attempts = answers.flatMap((answer) => answer.attempts);
  const firsts = answers.map((answer) => answer.attempts[0]);
  const accepted = answers.map(({ result }) => result).filter((result) => result.outcome === 'accepted');
  const refused = answers.map(({ result }) => result).filter((result) => result.outcome === 'refused');
  const lostCount = answers.filter(({ result }) => result.outcome === 'lost').length;
  const parked = tables.deliveries.filter((row) => row.state === 'parked');
  const verdicts = countBy(tables.sessions, 'verdict');
  const states = countBy(tables.sessions, 'state');
  const toldBy = (source: string) => tables.sessions.filter((row) => row.settled_source === source).length;
  return {
    seed: scenario.seed,
    run: scenario.label,
    sent: {
      messages: scenario.messages.filter(({ isDropped }) => !isDropped).length,
      dropped: scenario.messages.filter(({ isDropped }) => isDropped).length,
      droppedSessions: scenario.sessions.filter(({ isDropped }) => isDropped).length,
      requests: answers.length,
      attempts: attempts.length,
      retries: attempts.length - answers.length,
      networkErrors: firsts.filter((attempt) => attempt?.outcome === 'network_error').length,
      serverErrors: firsts.filter((attempt) => attempt !== undefined && attempt.status >= 500).length,
    },
    accepted: {
      total: accepted.length,
      deliveries: new Set(accepted.map(({ deliveryId }) => deliveryId)).size,
      repeats: accepted.filter(({ isRepeat }) => isRepeat).length,
    },
    refused: { total: refused.length, byCode: countBy(refused, 'code') },
    lost: lostCount,
    verdicts: { pass: verdicts.pass ?? 0, retry: verdicts.retry ?? 0, fail: verdicts.fail ?? 0 },
    sessions: {
      total: tables.sessions.length,
      settled: states.settled ?? 0,
      disputed: states.disputed ?? 0,
      expected: states.expected ?? 0,
      byWebhook: toldBy('webhook'),
      byPull: toldBy('pull'),
    },
    completeness: run.completeness ?? null,
    faceMatches: tables.faceMatches.length,
    complianceAlerts: tables.complianceAlerts.length,
    deliveries: countBy(tables.deliveries, 'state'),
    pulled: tables.deliveries.filter((row) => row.source === 'pull').length,
    parked: { total: parked.length, byReason: countBy(parked, 'reason') },
    acknowledgementMs: quantilesOf(acknowledgements(answers)),
    receivedToQueryableMs: quantilesOf(tables.deliveries.flatMap(processingMs)),
    sendingSeconds: round(sendingMs / 1000),
    settlingSeconds: round(run.settlingMs / 1000),
    acceptedPerSecond: round((accepted.length * 1000) / sendingMs),
    undecided: expectation.undecided.size,
    matchesOracle: differences.length === 0 && lostCount === 0 && expectation.undecided.size === 0,
    differences,
  };
}

// Of the attempt that was accepted alone: what a retry waited for is the vendor's time, not the service's.
function acknowledgements(answers: readonly Answer[]): number[] {
  return answers
    .filter(({ result }) => result.outcome === 'accepted')
    .flatMap(({ attempts }) => attempts.at(-1)?.latencyMs ?? []);
}

// Both times are the service's own, so that no clock of ours and no polling is in them.
function processingMs({ received_at, finished_at }: Row): number[] {
  if (typeof received_at !== 'string' || typeof finished_at !== 'string') return [];
  return [Math.max(0, Date.parse(finished_at) - Date.parse(received_at))];
}

/** The middle, the 99th of a hundred, and the largest; all 0 for no values. */
export function quantilesOf(values: readonly number[]): Quantiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0);
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

function countBy<T extends object>(things: readonly T[], field: keyof T & string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const thing of things) {
    const value = String(thing[field]);
    counts[value] = (counts[value] ?? 0) + 1;
  }
  return counts;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
