// What we do with an event, given what we know already. Pure: no clock, no network, no database (guarantee 6).
// It only says; `workers/apply-batch` does. A face match or an alert that is told again with a later time
// replaces what we had; told again with the same or an older time it is a repeat.
import type { DeliveryId, Event, Fact, SessionCompleted } from './event.ts';
import type { Instant } from './instant.ts';
import { conclude, isRepetition, type Observation, type Standing } from './session.ts';

export const decisions = ['settle', 'confirm', 'repeat', 'dispute', 'record', 'ignore', 'park'] as const;

/** The row that a face match or an alert of the same id already has. */
export interface Recorded {
  readonly occurredAt: Instant;
  readonly deliveryId: DeliveryId;
}

/** What is known of the thing that the event is about. */
export interface Known {
  readonly observations: readonly Observation[];
  readonly recorded: Recorded | undefined;
}

export type Decision =
  | {
      readonly decision: 'settle' | 'confirm' | 'repeat' | 'dispute' | 'record';
      readonly observation: Observation;
      readonly standing: Standing;
    }
  | { readonly decision: 'record'; readonly fact: Fact }
  | { readonly decision: 'repeat' | 'ignore' }
  | { readonly decision: 'park'; readonly reason: 'unknown_kind' };

/** Decides about one event. `known` must hold every earlier observation of its session, or the row of its id. */
export function decide(known: Known, event: Event): Decision {
  switch (event.kind) {
    case 'session_completed':
      return decideVerdict(known.observations, event);
    case 'face_matched':
    case 'compliance_alert':
      return supersedes(event, known.recorded) ? { decision: 'record', fact: event } : { decision: 'repeat' };
    case 'unknown':
      return event.isIgnored ? { decision: 'ignore' } : { decision: 'park', reason: 'unknown_kind' };
  }
}

function decideVerdict(known: readonly Observation[], event: SessionCompleted): Decision {
  const { deliveryId, source, verdict, confidence, referenceId, occurredAt, fingerprint } = event;
  const said = { verdict, confidence, referenceId, occurredAt, fingerprint };
  const observation: Observation = { deliveryId, source, ...said };
  const others = known.filter((other) => other.deliveryId !== deliveryId);
  const standing = conclude([...others, observation]);
  if (standing === undefined) throw new Error('an observation always gives a standing');
  return { decision: nameOf(others, observation, standing), observation, standing };
}

function nameOf(
  others: readonly Observation[],
  observation: Observation,
  after: Standing,
): 'settle' | 'confirm' | 'repeat' | 'dispute' | 'record' {
  if (isRepetition(observation, others)) return 'repeat';
  if (after.state === 'disputed') return 'dispute';
  if (after.confirmation === 'confirmed' && conclude(others)?.confirmation !== 'confirmed') return 'confirm';
  return after.settledBy === observation.deliveryId ? 'settle' : 'record';
}

// The later statement stands. Of two with one time the first received stands: ids are made in the order of receipt, so
// that the outcome does not hang on the order of processing.
function supersedes(event: Fact, recorded: Recorded | undefined): boolean {
  if (recorded === undefined || event.occurredAt > recorded.occurredAt) return true;
  return event.occurredAt === recorded.occurredAt && event.deliveryId < recorded.deliveryId;
}
