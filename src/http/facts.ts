// `GET /v1/face-matches` and `GET /v1/compliance-alerts`: what the vendor told beside verdicts.
import type { Request, Response } from 'express';
import { z } from 'zod';
import {
  type ComplianceAlertRow,
  type FaceMatchRow,
  type FactFilter,
  listComplianceAlerts,
  listFaceMatches,
  type Page,
} from '../db/find-facts.ts';
import type { DeliveryId, SessionId } from '../events/event.ts';
import type { ApiDependencies } from './api.ts';
import { pageOf, pageParameters, readCursor, readQuery, searchText } from './query.ts';

/** Answers a page of face matches, newest first. */
export function showFaceMatches({ db }: ApiDependencies, req: Request, res: Response): Promise<void> {
  return showPage(req, res, (filter, page) => listFaceMatches(db, filter, page), showFaceMatch);
}

/** Answers a page of compliance alerts, newest first. */
export function showComplianceAlerts({ db }: ApiDependencies, req: Request, res: Response): Promise<void> {
  return showPage(req, res, (filter, page) => listComplianceAlerts(db, filter, page), showComplianceAlert);
}

async function showPage<Row extends { readonly deliveryId: string }>(
  req: Request,
  res: Response,
  list: (filter: FactFilter, page: Page) => Promise<Row[]>,
  show: (row: Row) => object,
): Promise<void> {
  const query = readQuery(req, {
    session_id: searchText.optional(),
    reference_id: searchText.optional(),
    account: searchText.optional(),
    ...pageParameters,
  });
  const after = readCursor(query.cursor, z.tuple([z.uuid()]))?.[0] as DeliveryId | undefined;
  const rows = await list(
    {
      sessionId: query.session_id as SessionId | undefined,
      referenceId: query.reference_id,
      account: query.account,
    },
    { after, limit: query.limit + 1 },
  );
  res.json(pageOf(rows, query.limit, show, (row) => [row.deliveryId]));
}

function showFaceMatch(match: FaceMatchRow) {
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

function showComplianceAlert(alert: ComplianceAlertRow) {
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
  };
}
