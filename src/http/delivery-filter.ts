// The fields by which deliveries are chosen: for lists, and for what is processed again.
import { z } from 'zod';
import type { DeliveryFilter } from '../db/find-deliveries.ts';
import { deliveryStates } from '../db/schema.ts';
import { admissions } from '../db/schema-operations.ts';
import { ServiceError } from '../errors.ts';
import { decisions } from '../events/decide.ts';
import { eventKinds, type SessionId, sources } from '../events/event.ts';
import { oneOf, rangeFrom, rangeTo } from './list-order.ts';
import { searchText } from './query.ts';

export const deliveryFilterFields = {
  state: oneOf(deliveryStates),
  reason: searchText.optional(),
  kind: oneOf(eventKinds),
  vendor_kind: searchText.optional(),
  source: oneOf(sources),
  decision: oneOf(decisions),
  account: searchText.optional().describe('Of this account alone.'),
  session_id: searchText.optional(),
  reference_id: searchText.optional(),
  admission: oneOf(admissions),
  webhook_id: searchText.optional(),
  trace_id: z
    .string()
    .regex(/^[0-9a-f]{32}$/, 'must be 32 hex digits in lower case')
    .optional(),
  from: rangeFrom,
  to: rangeTo,
};

type Fields = { [Name in keyof typeof deliveryFilterFields]?: z.infer<(typeof deliveryFilterFields)[Name]> };

/** The filter that the fields stand for. */
export function readDeliveryFilter(fields: Fields): DeliveryFilter {
  const {
    session_id: sessionId,
    reference_id: referenceId,
    webhook_id: webhookId,
    vendor_kind: vendorKind,
    trace_id: traceId,
    ...others
  } = fields;
  const { from, to } = others;
  if (from !== undefined && to !== undefined && from >= to) {
    throw new ServiceError('invalid_request', '"from" must be before "to".');
  }
  return {
    ...others,
    sessionId: sessionId as SessionId | undefined,
    referenceId,
    webhookId,
    vendorKind,
    traceId,
  };
}

/** The filter as it was asked for. */
export function showDeliveryFilter(filter: DeliveryFilter) {
  const { sessionId, referenceId, webhookId, vendorKind, traceId, ...others } = filter;
  return {
    ...others,
    session_id: sessionId,
    reference_id: referenceId,
    webhook_id: webhookId,
    vendor_kind: vendorKind,
    trace_id: traceId,
  };
}
