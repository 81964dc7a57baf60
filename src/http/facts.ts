// `GET /v1/face-matches` and `GET /v1/compliance-alerts`: what the vendor told beside verdicts.
import { z } from 'zod';
import {
  type ComplianceAlertRow,
  type FaceMatchRow,
  listComplianceAlerts,
  listFaceMatches,
  placeOfFact,
} from '../db/find-facts.ts';
import { alertStatuses } from '../db/schema.ts';
import type { SessionId } from '../events/event.ts';
import { oneOf, rangeFrom, rangeTo, readOrder, readPage, showPage, sortParameter } from './list-order.ts';
import { operation, reply } from './operation.ts';
import { pageParameters, searchText } from './query.ts';
import { instant, pageShape, timestampText, uuid } from './shapes.ts';

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
    details: z
      .unknown()
      .describe('Whatever else iLive attached: any JSON value; whole numbers past 2^53 as text.'),
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

const factTimes = ['known_at', 'occurred_at'] as const;

const factFilterFields = {
  session_id: searchText.optional(),
  reference_id: searchText.optional().describe('Its own, or that of the session that it names.'),
  account: searchText.optional().describe('Of this account alone.'),
  known_from: rangeFrom,
  known_to: rangeTo,
  occurred_from: rangeFrom,
  occurred_to: rangeTo,
};
const factListFields = { sort: sortParameter(factTimes), ...pageParameters };
const place = z.tuple([timestampText, z.uuid()]);

/** Answers a page of face matches, newest first unless `?sort=` says otherwise. */
export const showFaceMatches = operation({
  query: {
    ...factFilterFields,
    face_id: searchText.optional(),
    external_face_id: searchText.optional(),
    collection_id: searchText.optional(),
    is_match: oneOf(['true', 'false']),
    ...factListFields,
  },
  fields: true,
  answers: { 200: pageShape(faceMatch) },
  answer: async ({ readDb }, { query, req }) => {
    const { filter, order } = readFilter(query);
    const asked = { list: 'face-matches', query: req.query, order };
    const rows = await listFaceMatches(
      readDb,
      {
        ...filter,
        faceId: query.face_id,
        externalFaceId: query.external_face_id,
        collectionId: query.collection_id,
        isMatch: query.is_match === undefined ? undefined : query.is_match === 'true',
      },
      readPage(asked, query, place),
    );
    const placeOf = (row: FaceMatchRow) => placeOfFact(row, order.by);
    return reply(200, showPage(asked, { rows, limit: query.limit }, showFaceMatch, placeOf));
  },
});

/** Answers a page of compliance alerts, newest first unless `?sort=` says otherwise. */
export const showComplianceAlerts = operation({
  query: {
    ...factFilterFields,
    severity: searchText.optional(),
    category: searchText.optional(),
    status: oneOf(alertStatuses),
    ...factListFields,
  },
  fields: true,
  answers: { 200: pageShape(complianceAlert) },
  answer: async ({ readDb }, { query, req }) => {
    const { filter, order } = readFilter(query);
    const { severity, category, status } = query;
    const asked = { list: 'compliance-alerts', query: req.query, order };
    const page = readPage(asked, query, place);
    const rows = await listComplianceAlerts(readDb, { ...filter, severity, category, status }, page);
    const placeOf = (row: ComplianceAlertRow) => placeOfFact(row, order.by);
    return reply(200, showPage(asked, { rows, limit: query.limit }, showComplianceAlert, placeOf));
  },
});

type FactQuery = z.infer<z.ZodObject<typeof factFilterFields & Pick<typeof factListFields, 'sort'>>>;

function readFilter(query: FactQuery) {
  const ranges = {
    known_at: { from: query.known_from, to: query.known_to },
    occurred_at: { from: query.occurred_from, to: query.occurred_to },
  };
  const filter = {
    sessionId: query.session_id as SessionId | undefined,
    referenceId: query.reference_id,
    account: query.account,
    ranges,
  };
  return { filter, order: readOrder(factTimes, query.sort, ranges) };
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
