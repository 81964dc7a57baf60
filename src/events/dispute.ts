// A dispute as operators are told of it: a compliance alert of our own kind. It is made from the whole set of a session's
// observations, so that it comes to be in any order of processing, and names the statement that contradicts; the session
// itself shows them all.
import type { ComplianceAlerted, SessionId } from './event.ts';
import { findContradiction, type Observation } from './session.ts';

/** Stands before the whole id of the session: cut, two sessions would have one alert. */
export const disputePrefix = 'dispute:';

/** The alert about a session whose observations contradict each other; undefined where they do not. */
export function disputeOf(
  sessionId: SessionId,
  observations: readonly Observation[],
): ComplianceAlerted | undefined {
  const statement = findContradiction(observations);
  if (statement === undefined) return undefined;
  const { deliveryId, source, verdict, referenceId, occurredAt } = statement;
  return {
    kind: 'compliance_alert',
    alertId: `${disputePrefix}${sessionId}`,
    deliveryId,
    source,
    referenceId,
    occurredAt,
    sessionId,
    severity: 'high',
    category: 'verdict_dispute',
    message: `The verdict "${verdict}" contradicts another statement about this session.`,
    details: { source, verdict },
  };
}
