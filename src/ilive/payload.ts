// The vendor's payloads, in the vendor's words; no other file knows them. Each schema asks for as little as makes the
// message mean something: fields that we do not know are let through, optional fields may be absent, null or of a wrong
// type, since losing a verdict over a field that nobody needs would be the worse mistake.
//
// Documented: `liveness.verdict` and its fields.
// ASSUMPTION 04: `face.matched` exists and has this shape; its fields are those of the v2 compare and search answers.
// ASSUMPTION 05: `compliance.alert` exists and has this shape; the seed names it without a payload.
// ASSUMPTION 06: other spellings of the three names, as the seed's prose suggests them.
import { z } from 'zod';
import { type EventKind, verdicts } from '../events/event.ts';
import { id, optionalId, optionalNumber, optionalText } from './fields.ts';

export const livenessVerdict = z.object({
  session_id: id,
  verdict: z.enum(verdicts),
  confidence: optionalNumber,
  reference_id: optionalId,
  timestamp: optionalText,
});

export const faceMatched = z
  .object({
    match_id: optionalId,
    session_id: optionalId,
    reference_id: optionalId,
    face_id: optionalId,
    external_face_id: optionalId,
    collection_id: optionalId,
    similarity: optionalNumber,
    threshold: optionalNumber,
    is_match: z.boolean().nullish().catch(null),
    timestamp: optionalText,
  })
  .refine((match) => typeof match.similarity === 'number' || typeof match.is_match === 'boolean', {
    message: 'neither similarity nor is_match can be read',
  });

export const complianceAlert = z
  .object({
    alert_id: optionalId,
    session_id: optionalId,
    reference_id: optionalId,
    severity: optionalText,
    category: optionalText,
    message: optionalText,
    details: z.unknown().optional(),
    timestamp: optionalText,
  })
  .refine((alert) => [alert.alert_id, alert.severity, alert.category, alert.message].some((field) => field), {
    message: 'none of alert_id, severity, category and message can be read',
  });

/** The optional ids of each kind. */
export const optionalIds: Readonly<Record<Exclude<EventKind, 'unknown'>, readonly string[]>> = {
  session_completed: ['reference_id'],
  face_matched: ['match_id', 'session_id', 'reference_id', 'face_id', 'external_face_id', 'collection_id'],
  compliance_alert: ['alert_id', 'session_id', 'reference_id'],
};

/** What else an alert may say; any of it may be missing. */
export const alertWords = ['severity', 'category', 'message', 'details'] as const;

/** The field that names the kind of a payload. */
export const kindField = 'event';

/** The vendor's names of what we act on, and our names for it. */
export const documentedKinds: Readonly<Record<string, Exclude<EventKind, 'unknown'>>> = {
  'liveness.verdict': 'session_completed',
  'face.matched': 'face_matched',
  'compliance.alert': 'compliance_alert',
};

/** Other spellings of those names, as alias → name; the operator's own aliases are added to these. */
export const defaultAliases: Readonly<Record<string, string>> = {
  'session.completed': 'liveness.verdict',
  'liveness.session.completed': 'liveness.verdict',
  session_completed: 'liveness.verdict',
  'liveness.completed': 'liveness.verdict',
  'face-matched': 'face.matched',
  face_matched: 'face.matched',
  'face.match': 'face.matched',
  'compliance-alert': 'compliance.alert',
  compliance_alert: 'compliance.alert',
};

/** The kind of the deliveries that we send ourselves, to see whether they arrive; always ignored. */
export const probeKind = 'ilive-webhooks.probe';

/** What they call themselves, so that they are not taken for a sign of iLive. */
export const probeUserAgent = 'ilive-webhooks-probe';
