// `GET /v1/face-matches` and `GET /v1/compliance-alerts`: what the vendor told beside verdicts.
import { z } from 'zod';
import {
  type ComplianceAlertRow,
  type FaceMatchRow,
  type FactFilter,
  listComplianceAlerts,
  listFaceMatches,
  type Page,
} from '../db/find-facts.ts';
import { alertStatuses } from '../db/schema.ts';
import type { DeliveryId, SessionId } from '../events/event.ts';
import { operation, reply } from './operation.ts';
import { pageOf, pageParameters, readCursor, searchText } from './query.ts';
import { instant, pageShape, uuid } from './shapes.ts';

export const faceMatch = z
  .object({
    match_id: z.string(),
    account: z.string(),
    delivery_id: uuid,
    session_id: z.string().nullable(),
    reference_id: z.string().nullable(),
    face_id: z.string().nullable(),
    external_face_id: z.string().nullable(),
    collection_id: z.string().nullable(),
    similarity: z.number().nullable(),
    threshold: z.number().nullable(),
    is_match: z.boolean().nullable(),
    occurred_at: instant.describe('By iLive.'),
    known_at: instant.describe('By us.'),
  })
  .meta({ id: 'FaceMatch' });

export const complianceAlert = z
  .object({
    alert_id: z.string(),
    account: z.string(),
    delivery_id: uuid,
    session_id: z.string().nullable(),
    reference_id: z.string().nullable(),
    severity: z.string().nullable(),
    category: z.string().nullable(),
    message: z.string().nullable(),
    details: z.unknown().describe('Whatever else iLive attached: any JSON value.'),
    occurred_at: instant.describe('By iLive.'),
    known_at: instant.describe('By us.'),
    status: z.enum(alertStatuses).describe('A newer statement about it opens it again.'),
    acknowledged_at: instant.nullable(),
    acknowledged_by: z.string().nullable().describe("The key's name."),
    acknowledged_note: z.string().nullable(),
    resolved_at: instant.nullable(),
    resolved_by: z.string().nullable().describe("The key's name."),
    resolved_note: z.string().nullable(),
  })
  .meta({ id: 'ComplianceAlert' });

const factFilterFields = {
  session_id: searchText.optional(),
  reference_id: searchText.optional(),
  account: searchText.optional(),
  ...pageParameters,
};

/** Answers a page of face matches, newest first. */
export const showFaceMatches = operation({
  query: factFilterFields,
  answers: { 200: pageShape(faceMatch) },
  answer: async ({ db }, { query }) => {
    const rows = await listFaceMatches(db, ...readFilter(query));
    return reply(
      200,
      pageOf(rows, query.limit, showFaceMatch, (row) => [row.deliveryId]),
    );
  },
});

/** Answers a page of compliance alerts, newest first. */
export const showComplianceAlerts = operation({
  query: factFilterFields,
  answers: { 200: pageShape(complianceAlert) },
  answer: async ({ db }, { query }) => {
    const rows = await listComplianceAlerts(db, ...readFilter(query));
    return reply(
      200,
      pageOf(rows, query.limit, showComplianceAlert, (row) => [row.deliveryId]),
    );
  },
});

function readFilter(query: z.infer<z.ZodObject<typeof factFilterFields>>): [FactFilter, Page] {
  const after = readCursor(query.cursor, z.tuple([z.uuid()]))?.[0] as DeliveryId | undefined;
  return [
    {
      sessionId: query.session_id as SessionId | undefined,
      referenceId: query.reference_id,
      account: query.account,
    },
    { after, limit: query.limit + 1 },
  ];
}

/** One face match as it is shown everywhere. */
export function showFaceMatch(match: FaceMatchRow) {
  return {
    match_id: match.matchId,
    account: match.account,
    delivery_id: match.deliveryId,
    session_id: match.sessionId,
    reference_id: match.referenceId,
    face_id: match.faceId,
    external_face_id: match.externalFaceId,
    collection_id: match.collectionId,
    similarity: match.similarity,
    threshold: match.threshold,
    is_match: match.isMatch,
    occurred_at: match.occurredAt,
    known_at: match.knownAt,
  };
}

/** One compliance alert as it is shown everywhere. */
export function showComplianceAlert(alert: ComplianceAlertRow) {
  return {
    alert_id: alert.alertId,
    account: alert.account,
    delivery_id: alert.deliveryId,
    session_id: alert.sessionId,
    reference_id: alert.referenceId,
    severity: alert.severity,
    category: alert.category,
    message: alert.message,
    details: alert.details,
    occurred_at: alert.occurredAt,
    known_at: alert.knownAt,
    status: alert.status,
    acknowledged_at: alert.acknowledgedAt,
    acknowledged_by: alert.acknowledgedBy,
    acknowledged_note: alert.acknowledgedNote,
    resolved_at: alert.resolvedAt,
    resolved_by: alert.resolvedBy,
    resolved_note: alert.resolvedNote,
  };
}
