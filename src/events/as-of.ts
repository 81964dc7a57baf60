// What had happened by some time of the vendor's, and what we knew by some time of ours. All of it is told from statements
// that are kept for ever and the times at which we did something ourselves: a question about the past is the same fold as
// processing, over those of the statements that had come by then. It must never read a clock: the moment comes in.
import { disputeOf } from './dispute.ts';
import type { ComplianceAlerted, DeliveryId, SessionId, Verdict } from './event.ts';
import type { Instant } from './instant.ts';
import {
  type Confirmation,
  conclude,
  type Observation,
  type SessionState,
  type Standing,
} from './session.ts';

/** What is asked about; null for no limit. Both ends are included. */
export interface Moment {
  /** By the vendor's clock: only what had happened by then. */
  readonly asOf: Instant | null;
  /** By ours: only what we knew by then. */
  readonly knownAt: Instant | null;
}

/** Whether a question is about the past at all. */
export function isPast({ asOf, knownAt }: Moment): boolean {
  return asOf !== null || knownAt !== null;
}

interface Said {
  readonly deliveryId: DeliveryId;
  readonly occurredAt: Instant;
  readonly knownAt: Instant;
}

export type KnownObservation = Observation & { readonly knownAt: Instant };

/** What a session's row said of itself from `knownAt` on, until the next one. */
export interface RowVersion {
  readonly knownAt: Instant;
  readonly expectedAt: Instant;
  readonly expiresAt: Instant | null;
  readonly registeredReferenceId: string | null;
}

/** An end without a verdict, until it was expected again. */
export interface Ending<Reason extends string> {
  readonly state: 'expired' | 'unrecoverable';
  readonly reason: Reason;
  readonly endedAt: Instant;
  readonly reopenedAt: Instant | null;
}

/** All that is kept of one session. */
export interface History<Reason extends string> {
  readonly observations: readonly KnownObservation[];
  readonly endings: readonly Ending<Reason>[];
  /** From the oldest to the one that stands. */
  readonly versions: readonly RowVersion[];
}

export interface PastSession<Reason extends string> {
  readonly state: SessionState;
  readonly verdict: Verdict | null;
  readonly confidence: number | null;
  readonly verdictAt: Instant | null;
  readonly confirmation: Confirmation;
  readonly referenceId: string | null;
  readonly settledAt: Instant | null;
  readonly settledBy: DeliveryId | null;
  readonly settledSource: Observation['source'] | null;
  readonly endedReason: Reason | null;
  readonly endedAt: Instant | null;
  readonly expectedAt: Instant;
  readonly expiresAt: Instant | null;
}

/** Whether a statement belongs to what is asked about. */
export function isSaidBy(said: Said, { asOf, knownAt }: Moment): boolean {
  return isBy(said.occurredAt, asOf) && isBy(said.knownAt, knownAt);
}

/** Whether something that we did ourselves does: it happened, and was known, when it was done. */
export function isDoneBy(doneAt: Instant, { asOf, knownAt }: Moment): boolean {
  return isBy(doneAt, asOf) && isBy(doneAt, knownAt);
}

/** The statement that stood: the latest of those that had come; of two with one time the first received. */
export function latestSaid<S extends Said>(statements: readonly S[], moment: Moment): S | undefined {
  return statements
    .filter((said) => isSaidBy(said, moment))
    .reduce<S | undefined>(
      (best, next) => (best === undefined || isLater(next, best) ? next : best),
      undefined,
    );
}

/** What a session's row said, or would have said; undefined for one that was not known. */
export function sessionAsOf<Reason extends string>(
  { observations, endings, versions }: History<Reason>,
  moment: Moment,
): PastSession<Reason> | undefined {
  const known = versions.filter(({ knownAt }) => isBy(knownAt, moment.knownAt));
  const version = known.findLast(({ knownAt }) => isDoneBy(knownAt, moment));
  // A verdict may have come to be before we had heard of its session at all.
  const row = version ?? known[0];
  const settled = settledAsOf(observations, moment);
  if (row === undefined || (settled === undefined && !isDoneBy(row.expectedAt, moment))) return undefined;
  const ending = settled === undefined ? endingAsOf(endings, moment) : undefined;
  return {
    state: settled?.state ?? ending?.state ?? 'expected',
    verdict: settled?.verdict ?? null,
    confidence: settled?.confidence ?? null,
    verdictAt: settled?.verdictAt ?? null,
    confirmation: settled?.confirmation ?? 'unconfirmed',
    referenceId: settled?.referenceId ?? version?.registeredReferenceId ?? null,
    settledAt: settled?.settledAt ?? null,
    settledBy: settled?.settledBy ?? null,
    settledSource: settled?.settledSource ?? null,
    endedReason: ending?.reason ?? null,
    endedAt: ending?.endedAt ?? null,
    expectedAt: row.expectedAt,
    expiresAt: row.expiresAt,
  };
}

/** The alert of our own about a session whose statements contradicted each other; undefined where they did not. */
export function disputeAsOf(
  sessionId: SessionId,
  observations: readonly KnownObservation[],
  moment: Moment,
): (ComplianceAlerted & { readonly knownAt: Instant }) | undefined {
  let told: (ComplianceAlerted & { readonly knownAt: Instant }) | undefined;
  for (const { at, said } of overTime(observations, moment)) {
    const alert = disputeOf(sessionId, said);
    if (alert !== undefined && (told === undefined || isLater(alert, told))) told = { ...alert, knownAt: at };
  }
  return told;
}

/** What somebody here did about an alert. */
interface Handled {
  readonly acknowledgedAt: Instant | null;
  readonly acknowledgedBy: string | null;
  readonly acknowledgedNote: string | null;
  readonly resolvedAt: Instant | null;
  readonly resolvedBy: string | null;
  readonly resolvedNote: string | null;
  readonly status: 'open' | 'acknowledged' | 'resolved';
}

/** An alert with what had been done about it. */
export function alertAsOf<Alert extends Handled>(alert: Alert, moment: Moment): Alert {
  const isResolved = alert.resolvedAt !== null && isDoneBy(alert.resolvedAt, moment);
  const isAcknowledged = alert.acknowledgedAt !== null && isDoneBy(alert.acknowledgedAt, moment);
  return {
    ...alert,
    ...(isResolved ? {} : { resolvedAt: null, resolvedBy: null, resolvedNote: null }),
    ...(isAcknowledged ? {} : { acknowledgedAt: null, acknowledgedBy: null, acknowledgedNote: null }),
    status: isResolved ? 'resolved' : isAcknowledged ? 'acknowledged' : 'open',
  };
}

function settledAsOf(
  observations: readonly KnownObservation[],
  moment: Moment,
): (Standing & { readonly settledAt: Instant }) | undefined {
  let settled: (Standing & { readonly settledAt: Instant }) | undefined;
  for (const { at, said } of overTime(observations, moment)) {
    const standing = conclude(said);
    if (standing === undefined) continue;
    const isSame = settled?.state === standing.state && settled.settledBy === standing.settledBy;
    settled = { ...standing, settledAt: isSame && settled !== undefined ? settled.settledAt : at };
  }
  return settled;
}

function endingAsOf<Reason extends string>(
  endings: readonly Ending<Reason>[],
  moment: Moment,
): Ending<Reason> | undefined {
  return endings
    .filter(({ endedAt, reopenedAt }) => {
      const isOver = reopenedAt !== null && isDoneBy(reopenedAt, moment);
      return isDoneBy(endedAt, moment) && !isOver;
    })
    .reduce<Ending<Reason> | undefined>(
      (last, next) => (last === undefined || next.endedAt > last.endedAt ? next : last),
      undefined,
    );
}

// Each time at which something came to be known, with all that was known from then on, as processing has seen it.
function overTime(
  observations: readonly KnownObservation[],
  moment: Moment,
): { readonly at: Instant; readonly said: readonly KnownObservation[] }[] {
  const all = observations.filter((said) => isSaidBy(said, moment));
  const times = [...new Set(all.map(({ knownAt }) => knownAt))].sort();
  return times.map((at) => ({ at, said: all.filter(({ knownAt }) => knownAt <= at) }));
}

function isBy(at: Instant, limit: Instant | null): boolean {
  return limit === null || at <= limit;
}

function isLater(one: Omit<Said, 'knownAt'>, other: Omit<Said, 'knownAt'>): boolean {
  if (one.occurredAt !== other.occurredAt) return one.occurredAt > other.occurredAt;
  return one.deliveryId < other.deliveryId;
}
