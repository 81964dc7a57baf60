// `GET /v1/deliveries`, `GET /v1/deliveries/{id}` and `GET /v1/ops/deliveries/{id}/body`: what became of one thing that we
// were told. The body is a person's data, so reading it is an action that the audit keeps.
import type { Request, Response } from 'express';
import { z } from 'zod';
import type { Queries } from '../db/connect.ts';
import { type DeliveryRow, findDelivery, findDeliveryBody, listDeliveries } from '../db/find-deliveries.ts';
import { ServiceError } from '../errors.ts';
import type { DeliveryId } from '../events/event.ts';
import { operate } from '../operations/operate.ts';
import type { ApiDependencies } from './api.ts';
import { deliveryFilterFields, readDeliveryFilter } from './delivery-filter.ts';
import { actorOf } from './gate.ts';
import { pageOf, pageParameters, readCursor, readPath, readQuery, whyText } from './query.ts';

/** Answers one delivery. */
export async function showDelivery({ db }: ApiDependencies, req: Request, res: Response): Promise<void> {
  readQuery(req, {});
  res.json(show(await readDelivery(db, readDeliveryId(req))));
}

/** Answers one delivery with its stored headers and exact bytes, in base64; null once they were dropped. */
export async function showDeliveryBody(deps: ApiDependencies, req: Request, res: Response): Promise<void> {
  const { why } = readQuery(req, { why: whyText });
  const id = readDeliveryId(req);
  const action = { actor: actorOf(req), name: 'deliveries.read_body', why, details: { delivery_id: id } };
  const { delivery, stored } = await operate(deps.operate, action, async (tx) => {
    const delivery = await readDelivery(tx, id);
    return { rows: 1, result: { delivery, stored: await findDeliveryBody(tx, delivery) } };
  });
  res.json({
    ...show(delivery),
    headers: stored?.headers ?? null,
    body_base64: stored?.body.toString('base64') ?? null,
  });
}

/** Answers a page of deliveries, newest first. */
export async function showDeliveries({ db }: ApiDependencies, req: Request, res: Response): Promise<void> {
  const { cursor, limit, ...fields } = readQuery(req, { ...deliveryFilterFields, ...pageParameters });
  const after = readCursor(cursor, z.tuple([z.uuid()]))?.[0] as DeliveryId | undefined;
  const rows = await listDeliveries(db, readDeliveryFilter(fields), { after, limit: limit + 1 });
  res.json(pageOf(rows, limit, show, (row) => [row.id]));
}

function readDeliveryId(req: Request): DeliveryId {
  return readPath(req, 'delivery_id', z.uuid('must be a delivery id (a UUID)')) as DeliveryId;
}

async function readDelivery(db: Queries, id: DeliveryId): Promise<DeliveryRow> {
  const delivery = await findDelivery(db, id);
  if (delivery === undefined) throw new ServiceError('not_found', 'No delivery has this id.');
  return delivery;
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
