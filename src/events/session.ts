// What a session's observations amount to. `conclude` is a function of a *set*: whatever order the observations came
// in, and however often, the same set gives the same standing (guarantees 6 and 7). Append-only observations plus this
// function are the whole of our convergence; no field of a session is ever updated by any other rule.
import type { DeliveryId, SessionCompleted, Source, Verdict } from './event.ts';
import type { Instant } from './instant.ts';

/** One source's statement of a session's verdict. */
export type Observation = Pick<
  SessionCompleted,
  'deliveryId' | 'source' | 'verdict' | 'confidence' | 'referenceId' | 'occurredAt' | 'fingerprint'
>;

export const sessionStates = ['expected', 'settled', 'disputed', 'expired', 'unrecoverable'] as const;
export type SessionState = (typeof sessionStates)[number];

export const confirmations = ['unconfirmed', 'confirmed', 'contradicted'] as const;
export type Confirmation = (typeof confirmations)[number];

/** Which verdicts that a webhook brought a pull is to confirm; `unsigned` also takes unsigned deliveries as hints. */
export const confirmPolicies = ['never', 'pass', 'always', 'unsigned'] as const;
export type ConfirmPolicy = (typeof confirmPolicies)[number];

/** The final fact about a session, as far as the observations go. */
export interface Standing {
  readonly state: 'settled' | 'disputed';
  readonly verdict: Verdict;
  readonly confidence: number | null;
  readonly referenceId: string | null;
  readonly verdictAt: Instant;
  readonly settledBy: DeliveryId;
  /** Which source `settledBy` came from. */
  readonly settledSource: Source;
  readonly confirmation: Confirmation;
}

/**
 * The least favourable verdict has the highest rank: where statements contradict each other, nobody is let in on the
 * kinder one.
 */
export const severity: Readonly<Record<Verdict, number>> = { pass: 0, retry: 1, fail: 2 };

/** The standing that a session's observations amount to; `undefined` for no observations. */
export function conclude(all: readonly Observation[]): Standing | undefined {
  const observations = withoutEchoes(all);
  const latest = bestOf(observations, byTime);
  if (latest === undefined) return undefined;
  const latestBySource = [latestOf(observations, 'webhook'), latestOf(observations, 'pull')].filter(
    (observation) => observation !== undefined,
  );
  const contradicting = [
    ...observations.filter((other) => contradictsAtOnce(latest, other)),
    ...latestBySource.filter((other) => contradictsAcross(latest, other)),
  ];
  const isAgreed = contradicting.length === 0 && isConfirmed(latestBySource);
  // Of two sources that agree the one that told us first has settled the session; the other confirms it.
  const standing = isAgreed
    ? (bestOf(latestBySource, byReceipt) ?? latest)
    : (bestOf([latest, ...contradicting], bySeverity) ?? latest);
  return {
    state: contradicting.length > 0 ? 'disputed' : 'settled',
    verdict: standing.verdict,
    confidence: standing.confidence,
    referenceId:
      standing.referenceId ?? bestOf(observations.filter(hasReference), byTime)?.referenceId ?? null,
    verdictAt: standing.occurredAt,
    settledBy: standing.deliveryId,
    settledSource: standing.source,
    confirmation: contradicting.length > 0 ? 'contradicted' : isAgreed ? 'confirmed' : 'unconfirmed',
  };
}

/**
 * The latest observation that cannot be true together with another of them, whatever came after; `undefined` where none
 * contradicts another. Unlike a standing it only ever comes to be and never goes away, so a dispute once opened stays on
 * record, whichever way the observations came. What is told again counts too, or an earlier telling that comes later would
 * put the dispute back in time.
 */
export function findContradiction(observations: readonly Observation[]): Observation | undefined {
  // Of those of one source and verdict the first, and any one of the same moment, speak for all that `one` may contradict.
  const kinds = Map.groupBy(observations, ({ source, verdict }) => `${source} ${verdict}`);
  const others = [...kinds.values()].map((same) => ({
    first: bestOf(same, (a, b) => compare(b.occurredAt, a.occurredAt)),
    byMoment: new Map(same.map((other) => [other.occurredAt, other])),
  }));
  const contradicting = observations.filter((one) =>
    others.some(
      ({ first, byMoment }) => contradicts(one, first) || contradicts(one, byMoment.get(one.occurredAt)),
    ),
  );
  return bestOf(contradicting, (a, b) => compare(a.occurredAt, b.occurredAt) || byReceipt(a, b));
}

function contradicts(one: Observation, earlier: Observation | undefined): boolean {
  if (earlier === undefined || earlier.occurredAt > one.occurredAt) return false;
  return contradictsAtOnce(one, earlier) || contradictsAcross(one, earlier);
}

// Whether two observations say the very same thing, whichever deliveries brought them.
function isSameStatement(a: Observation, b: Observation): boolean {
  return (
    a.source === b.source &&
    a.verdict === b.verdict &&
    a.confidence === b.confidence &&
    a.referenceId === b.referenceId &&
    a.occurredAt === b.occurredAt
  );
}

/** Whether `one` says nothing that `others` do not say: with the very bytes of one of them, or in all that it states. */
export function isRepetition(one: Observation, others: readonly Observation[]): boolean {
  const isKnown = others.some(({ fingerprint }) => fingerprint === one.fingerprint);
  return (
    others.some((other) => isSameStatement(one, other)) ||
    (isKnown && !withoutEchoes([...others, one]).includes(one))
  );
}

// What a source tells again with the same bytes and at another time names no time of its own: it is the statement that it was,
// and not a later one. Unless another verdict has been told in between: then nobody can know, and what came last counts.
function withoutEchoes(observations: readonly Observation[]): readonly Observation[] {
  if (observations.length < 2) return observations;
  const standing = new Map<Source, Observation>();
  let verdict: Verdict | undefined;
  return inOrderOfTelling(observations).filter((next) => {
    if (standing.get(next.source)?.fingerprint === next.fingerprint) return false;
    if (next.verdict !== verdict) standing.clear();
    verdict = next.verdict;
    standing.set(next.source, next);
    return true;
  });
}

/** The observations as they are looked through; what is so already is soon looked through again. */
export function inOrderOfTelling(observations: readonly Observation[]): Observation[] {
  return [...observations].sort(
    (a, b) => compare(a.occurredAt, b.occurredAt) || compare(a.deliveryId, b.deliveryId),
  );
}

// One source that says two things of one moment contradicts itself; of two moments, it has moved on.
function contradictsAtOnce(latest: Observation, other: Observation): boolean {
  return (
    other.source === latest.source &&
    other.occurredAt === latest.occurredAt &&
    other.verdict !== latest.verdict
  );
}

// Two sources must agree on how the session ended. ASSUMPTION 07: a session that was told to retry may be used again,
// so an older `retry` is no contradiction to what came after it.
function contradictsAcross(latest: Observation, other: Observation): boolean {
  if (other.source === latest.source || other.verdict === latest.verdict) return false;
  return !(other.verdict === 'retry' && other.occurredAt < latest.occurredAt);
}

function isConfirmed(latestBySource: readonly Observation[]): boolean {
  const [first, second] = latestBySource;
  return first !== undefined && second !== undefined && first.verdict === second.verdict;
}

function latestOf(observations: readonly Observation[], source: Source): Observation | undefined {
  return bestOf(
    observations.filter((observation) => observation.source === source),
    byTime,
  );
}

function hasReference(observation: Observation): boolean {
  return observation.referenceId !== null;
}

type Order = (a: Observation, b: Observation) => number;

function bestOf(observations: readonly Observation[], order: Order): Observation | undefined {
  return observations.reduce<Observation | undefined>(
    (best, next) => (best === undefined || order(next, best) > 0 ? next : best),
    undefined,
  );
}

function byReceipt(a: Observation, b: Observation): number {
  return compare(b.deliveryId, a.deliveryId);
}

// Both orders below are total: they end in the delivery id, so that no two observations are ever equal in them.
function byTime(a: Observation, b: Observation): number {
  return compare(a.occurredAt, b.occurredAt) || bySeverity(a, b);
}

function bySeverity(a: Observation, b: Observation): number {
  return (
    severity[a.verdict] - severity[b.verdict] ||
    (b.confidence ?? 0) - (a.confidence ?? 0) ||
    compare(a.occurredAt, b.occurredAt) ||
    compare(b.source, a.source) ||
    compare(b.deliveryId, a.deliveryId)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
