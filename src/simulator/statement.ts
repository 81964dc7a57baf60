// What the pretend vendor wants to say, before it is put into bytes: the intent that the oracle judges by. Times are
// whole microseconds since 1970, because that is as fine as the vendor's own are. Null means that the payload does not
// say it.
import type { Verdict } from '../events/event.ts';

export interface VerdictStatement {
  readonly kind: 'verdict';
  readonly sessionId: string;
  readonly referenceId: string | null;
  readonly verdict: Verdict;
  readonly confidence: number | null;
  readonly atMicros: number | null;
}

export interface MatchStatement {
  readonly kind: 'match';
  readonly matchId: string | null;
  readonly sessionId: string | null;
  readonly referenceId: string | null;
  readonly faceId: string | null;
  readonly externalFaceId: string | null;
  readonly collectionId: string | null;
  readonly similarity: number;
  readonly threshold: number | null;
  readonly isMatch: boolean | null;
  readonly atMicros: number | null;
}

export interface AlertStatement {
  readonly kind: 'alert';
  readonly alertId: string | null;
  readonly sessionId: string | null;
  readonly referenceId: string | null;
  readonly severity: string;
  readonly category: string | null;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>> | null;
  readonly atMicros: number | null;
}

export type Statement = VerdictStatement | MatchStatement | AlertStatement;

/** `2026-04-11T09:30:12.456789`: the time without an offset, which the vendor writes as +00:00 and we as Z. */
export function writeMicros(micros: number): string {
  const milliseconds = Math.floor(micros / 1000);
  const rest = String(micros - milliseconds * 1000).padStart(3, '0');
  return new Date(milliseconds).toISOString().replace('Z', rest);
}
