// `GET /v1/deliveries`, `GET /v1/deliveries/{id}` and `GET /v1/ops/deliveries/{id}/body`: what became of one thing that we
// were told. The body is a person's data, so reading it is an action that the audit keeps.
import { z } from 'zod';
import type { Queries } from '../db/connect.ts';
import { type DeliveryRow, findDelivery, findDeliveryBody, listDeliveries } from '../db/find-deliveries.ts';
import { deliveryStates } from '../db/schema.ts';
import { admissions } from '../db/schema-operations.ts';
import { ServiceError } from '../errors.ts';
import { type DeliveryId, eventKinds, sources } from '../events/event.ts';
import { operate } from '../operations/operate.ts';
import { deliveryFilterFields, readDeliveryFilter } from './delivery-filter.ts';
import { actorOf } from './gate.ts';
import { readOrder, readPage, showPage, sortParameter } from './list-order.ts';
import { operation, reply } from './operation.ts';
import { pageParameters, whyText } from './query.ts';
import { count, instant, pageShape, uuid } from './shapes.ts';

const deliveryFields = {
  delivery_id: uuid,
  account: z.string(),
  source: z.enum(sources),
  webhook_id: z
    .string()
    .nullable()
    .describe(
      "iLive's, with `unproven:` before it where the delivery proved nothing; of a pull `pull:` and the session's id, and behind them a time where iLive has gone back to what it answered before.",
    ),
  body_sha256: z.string(),
  state: z.enum(deliveryStates),
  kind: z.enum(eventKinds).nullable().describe('What it says, in our words.'),
  vendor_kind: z.string().nullable().describe("What it says, in iLive's words."),
  session_id: z.string().nullable(),
  decision: z.string().nullable().describe('What was done with it.'),
  reason: z.string().nullable().describe('Why it is parked.'),
  detail: z.string().nullable(),
  attempts: count,
  admission: z.enum(admissions).nullable().describe('What let it in after it had been refused.'),
  received_at: instant,
  finished_at: instant.nullable(),
  trace_id: z.string().nullable(),
};
export const delivery = z.object(deliveryFields).meta({ id: 'Delivery' });
const deliveryWithBody = z
  .object({
    ...deliveryFields,
    headers: z.record(z.string(), z.string()).nullable(),
    body_base64: z.string().nullable().describe('The exact bytes; null once they were dropped.'),
  })
  .meta({ id: 'DeliveryWithBody' });

const deliveryPath = { delivery_id: z.uuid('must be a delivery id (a UUID)') };

/** Answers one delivery. */
export const showDelivery = operation({
  path: deliveryPath,
  fields: true,
  etag: true,
  answers: { 200: delivery },
  errors: ['not_found'],
  answer: async ({ db, readDb }, { path }) => {
    // One that has just been answered 202 may not have come to a replica yet.
    const seen = await findDelivery(readDb, path.delivery_id as DeliveryId);
    return reply(200, show(seen ?? (await readDelivery(db, path.delivery_id))));
  },
});

/** Answers one delivery with its stored headers and exact bytes, in base64; null once they were dropped. */
export const showDeliveryBody = operation({
  path: deliveryPath,
  query: { why: whyText },
  answers: { 200: deliveryWithBody },
  errors: ['not_found'],
  answer: async (deps, { path, query: { why }, req }) => {
    const id = path.delivery_id;
    const action = { actor: actorOf(req), name: 'deliveries.read_body', why, details: { delivery_id: id } };
    const { delivery, stored } = await operate(deps.operate, action, async (tx) => {
      const delivery = await readDelivery(tx, id);
      return { rows: 1, result: { delivery, stored: await findDeliveryBody(tx, delivery) } };
    });
    return reply(200, {
      ...show(delivery),
      headers: stored?.headers ?? null,
      body_base64: stored?.body.toString('base64') ?? null,
    });
  },
});

const deliveryTimes = ['received_at'] as const;

/** Answers a page of deliveries, newest first unless `?sort=` says otherwise. */
export const showDeliveries = operation({
  query: { ...deliveryFilterFields, sort: sortParameter(deliveryTimes), ...pageParameters },
  fields: true,
  answers: { 200: pageShape(delivery) },
  answer: async ({ readDb }, { query: { cursor, limit, sort, ...filter }, req }) => {
    const asked = { list: 'deliveries', query: req.query, order: readOrder(deliveryTimes, sort, {}) };
    const page = readPage(asked, { cursor, limit }, z.tuple([z.uuid()]));
    const rows = await listDeliveries(readDb, readDeliveryFilter(filter), page);
    return reply(
      200,
      showPage(asked, { rows, limit }, show, (row) => [row.id]),
    );
  },
});

async function readDelivery(db: Queries, id: string): Promise<DeliveryRow> {
  const delivery = await findDelivery(db, id as DeliveryId);
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
