// `GET /v1/deliveries` and `GET /v1/deliveries/{id}`: what became of one thing that we were told. The body is a person's
// data, so it is shown only to those who ask for it by name.
import type { Request, Response } from 'express';
import { z } from 'zod';
import { type DeliveryRow, findDelivery, findDeliveryBody, listDeliveries } from '../db/find-deliveries.ts';
import { deliveryStates } from '../db/schema.ts';
import { ServiceError } from '../errors.ts';
import type { DeliveryId } from '../events/event.ts';
import type { ApiDependencies } from './api.ts';
import { pageOf, pageParameters, readCursor, readPath, readQuery } from './query.ts';

/** Answers one delivery; with `?include=body` also its stored headers and exact bytes, in base64. */
export async function showDelivery({ db }: ApiDependencies, req: Request, res: Response): Promise<void> {
  const id = readPath(req, 'delivery_id', z.uuid('must be a delivery id (a UUID)')) as DeliveryId;
  const { include } = readQuery(req, { include: z.literal('body', 'can only be "body"').optional() });
  const delivery = await findDelivery(db, id);
  if (delivery === undefined) throw new ServiceError('not_found', 'No delivery has this id.');
  if (include === undefined) {
    res.json(show(delivery));
    return;
  }
  const stored = await findDeliveryBody(db, delivery);
  res.json({
    ...show(delivery),
    headers: stored?.headers ?? null,
    body_base64: stored?.body.toString('base64') ?? null,
  });
}

/** Answers a page of deliveries, newest first, of one state with `?state=`. */
export async function showDeliveries({ db }: ApiDependencies, req: Request, res: Response): Promise<void> {
  const query = readQuery(req, {
    state: z.enum(deliveryStates, `must be one of ${deliveryStates.join(', ')}`).optional(),
    ...pageParameters,
  });
  const after = readCursor(query.cursor, z.tuple([z.uuid()]))?.[0] as DeliveryId | undefined;
  const rows = await listDeliveries(db, { state: query.state }, { after, limit: query.limit + 1 });
  res.json(pageOf(rows, query.limit, show, (row) => [row.id]));
}

function show(delivery: DeliveryRow) {
  return {
    delivery_id: delivery.id,
    account: delivery.account,
    source: delivery.source,
    webhook_id: delivery.webhookId,
    body_sha256: delivery.bodySha256.toString('hex'),
    state: delivery.state,
    kind: delivery.kind,
    vendor_kind: delivery.vendorKind,
    session_id: delivery.sessionId,
    decision: delivery.decision,
    reason: delivery.reason,
    detail: delivery.detail,
    attempts: delivery.attempts,
    admission: delivery.admission,
    received_at: delivery.receivedAt,
    finished_at: delivery.finishedAt,
    trace_id: delivery.traceId,
  };
}
