// A statement → the body that iLive would send. Documented: `liveness.verdict`, field by field, with microseconds and
// `+00:00`. Assumed: the other two kinds, whose fields are those of the vendor's search and compare answers. The contents
// of `camera_metadata` and `location` are not documented; ours hold letters past ASCII, as device names do.
import type { Statement } from './statement.ts';
import { writeMicros } from './statement.ts';

export interface PayloadStyle {
  /** Another spelling of the kind. */
  readonly kindName?: string;
  /** Whether a field that says nothing is written as null or left out. */
  readonly absence: 'null' | 'omit';
  readonly hasExtraFields: boolean;
}

export const plainStyle: PayloadStyle = { absence: 'omit', hasExtraFields: false };

const kindNames = { verdict: 'liveness.verdict', match: 'face.matched', alert: 'compliance.alert' } as const;

/** The payload as JSON text. */
export function writePayload(statement: Statement, style: PayloadStyle): string {
  const fields = {
    event: style.kindName ?? kindNames[statement.kind],
    ...fieldsOf(statement),
    ...(style.hasExtraFields ? extraFields : {}),
    timestamp: statement.atMicros === null ? null : `${writeMicros(statement.atMicros)}+00:00`,
  };
  const isSaid = ([, value]: [string, unknown]) => value !== null || style.absence === 'null';
  return JSON.stringify(Object.fromEntries(Object.entries(fields).filter(isSaid)));
}

// A name that every object carries and a list nested in an object: what a careless reader trips over.
const extraFields = {
  schema_version: 3,
  constructor: 'not a function',
  risk: { score: 12, signals: ['none', null, { deep: [[]] }] },
};

function fieldsOf(statement: Statement): Record<string, unknown> {
  switch (statement.kind) {
    case 'verdict': {
      const isSparse = statement.confidence === null && statement.referenceId === null;
      return {
        session_id: statement.sessionId,
        verdict: statement.verdict,
        confidence: statement.confidence,
        reference_id: statement.referenceId,
        camera_metadata: isSparse ? null : { label: 'Frontkamera (größer)', width: 1280, height: 720 },
        location: isSparse ? null : { country: 'PT', city: 'São João da Madeira' },
      };
    }
    case 'match':
      return {
        match_id: statement.matchId,
        session_id: statement.sessionId,
        reference_id: statement.referenceId,
        face_id: statement.faceId,
        external_face_id: statement.externalFaceId,
        collection_id: statement.collectionId,
        similarity: statement.similarity,
        threshold: statement.threshold,
        is_match: statement.isMatch,
      };
    case 'alert':
      return {
        alert_id: statement.alertId,
        session_id: statement.sessionId,
        reference_id: statement.referenceId,
        severity: statement.severity,
        category: statement.category,
        message: statement.message,
        details: statement.details,
      };
  }
}
