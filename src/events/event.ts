// What the vendor says happened, in our own words. `ilive/translate` makes these from stored bytes; nothing here knows
// how the vendor spells them, and nothing here does anything but name shapes.
import type { Instant } from './instant.ts';

export type SessionId = string & { readonly brand: 'SessionId' };
export type DeliveryId = string & { readonly brand: 'DeliveryId' };

/** Where a delivery came from: the vendor told us (`webhook`) or we asked (`pull`). */
export const sources = ['webhook', 'pull'] as const;
export type Source = (typeof sources)[number];

export const verdicts = ['pass', 'retry', 'fail'] as const;
export type Verdict = (typeof verdicts)[number];

export const eventKinds = ['session_completed', 'face_matched', 'compliance_alert', 'unknown'] as const;
export type EventKind = (typeof eventKinds)[number];

interface Stated {
  readonly deliveryId: DeliveryId;
  readonly source: Source;
  readonly referenceId: string | null;
  /** When the vendor says that it happened; where it does not say, when it was told. */
  readonly occurredAt: Instant;
}

export interface SessionCompleted extends Stated {
  readonly kind: 'session_completed';
  /**
   * The same for the same bytes, and for no others. Only what states no time of its own is told with the same bytes at two times,
   * and is one statement all the same.
   */
  readonly fingerprint: string;
  readonly sessionId: SessionId;
  readonly verdict: Verdict;
  /** 0 to 1; null when the vendor gave none that can be read. The verdict is what counts. */
  readonly confidence: number | null;
}

export interface FaceMatched extends Stated {
  readonly kind: 'face_matched';
  /** The vendor's id of this match, or one made from the bytes where it gives none. */
  readonly matchId: string;
  readonly sessionId: SessionId | null;
  readonly faceId: string | null;
  readonly externalFaceId: string | null;
  readonly collectionId: string | null;
  readonly similarity: number | null;
  readonly threshold: number | null;
  readonly isMatch: boolean | null;
}

export interface ComplianceAlerted extends Stated {
  readonly kind: 'compliance_alert';
  readonly alertId: string;
  readonly sessionId: SessionId | null;
  readonly severity: string | null;
  readonly category: string | null;
  readonly message: string | null;
  /** Whatever else the vendor attached: any JSON value. */
  readonly details: unknown;
}

export interface UnknownEvent {
  readonly kind: 'unknown';
  /** True where the operator has said that this kind means nothing to them. */
  readonly isIgnored: boolean;
}

/** What is told beside verdicts: of each id the latest statement stands. */
export type Fact = FaceMatched | ComplianceAlerted;

export type Event = SessionCompleted | Fact | UnknownEvent;
