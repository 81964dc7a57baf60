// What all that is known of one person amounts to. Whoever reads one field of it must be safe: it says yes only where
// nothing that is known speaks against it, and names all that does. It must never say yes for want of knowledge.
import type { SessionId, Verdict } from './event.ts';
import type { Instant } from './instant.ts';
import { type Confirmation, type SessionState, severity } from './session.ts';

export const obstacles = [
  'no_verdict', // none of their sessions has one
  'not_passed', // the latest verdict is no pass
  'disputed', // statements about the session with the latest verdict contradict each other
  'unresolved_alert', // a compliance alert about them that nobody here has resolved
  'incomplete', // more is known of this reference id than is looked through
] as const;
export type Obstacle = (typeof obstacles)[number];

interface OneSession {
  readonly sessionId: SessionId;
  readonly state: SessionState;
  readonly verdict: Verdict | null;
  readonly verdictAt: Instant | null;
  readonly confirmation: Confirmation;
}

export interface SubjectStanding<S extends OneSession> {
  /** True only where nothing is in the way. */
  readonly isVerified: boolean;
  readonly obstacles: readonly Obstacle[];
  /** The session with the latest verdict, by the vendor's time. */
  readonly latest: S | undefined;
  /** Sessions whose verdict is expected still. */
  readonly openSessionsCount: number;
  readonly openAlertsCount: number;
  readonly acknowledgedAlertsCount: number;
}

/** Where a person stands, by all of their sessions and alerts; `isComplete` says whether these are all. */
export function standOf<S extends OneSession>(
  sessions: readonly S[],
  alerts: readonly { readonly status: 'open' | 'acknowledged' | 'resolved' }[],
  isComplete: boolean,
): SubjectStanding<S> {
  const latest = sessions.reduce<S | undefined>(
    (best, next) => (next.verdict !== null && (best === undefined || isLater(next, best)) ? next : best),
    undefined,
  );
  const openAlertsCount = alerts.filter(({ status }) => status === 'open').length;
  const acknowledgedAlertsCount = alerts.filter(({ status }) => status === 'acknowledged').length;
  const isInTheWay: Readonly<Record<Obstacle, boolean>> = {
    no_verdict: latest === undefined,
    not_passed: latest !== undefined && latest.verdict !== 'pass',
    disputed: latest?.state === 'disputed',
    unresolved_alert: openAlertsCount + acknowledgedAlertsCount > 0,
    incomplete: !isComplete,
  };
  const inTheWay = obstacles.filter((obstacle) => isInTheWay[obstacle]);
  return {
    isVerified: inTheWay.length === 0,
    obstacles: inTheWay,
    latest,
    openSessionsCount: sessions.filter(({ state }) => state === 'expected').length,
    openAlertsCount,
    acknowledgedAlertsCount,
  };
}

// Of two verdicts of one moment the less favourable counts.
function isLater(one: OneSession, other: OneSession): boolean {
  const [at, otherAt] = [one.verdictAt ?? '', other.verdictAt ?? ''];
  if (at !== otherAt) return at > otherAt;
  const difference = rank(one) - rank(other);
  return difference !== 0 ? difference > 0 : one.sessionId < other.sessionId;
}

function rank({ verdict }: OneSession): number {
  return verdict === null ? -1 : severity[verdict];
}
