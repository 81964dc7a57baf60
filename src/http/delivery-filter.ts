// The fields by which deliveries are chosen: for lists, and for what is processed again.
import { z } from 'zod';
import type { DeliveryFilter } from '../db/find-deliveries.ts';
import { deliveryStates } from '../db/schema.ts';
import { admissions } from '../db/schema-operations.ts';
import { ServiceError } from '../errors.ts';
import { decisions } from '../events/decide.ts';
import { eventKinds, type SessionId, sources } from '../events/event.ts';
import type { StoredFilter } from '../operations/replay-filter.ts';
import { searchText, timeText } from './query.ts';

const oneOf = <const Words extends readonly [string, ...string[]]>(words: Words) =>
  z.enum(words, `must be one of ${words.join(', ')}`).optional();

export const deliveryFilterFields = {
  state: oneOf(deliveryStates),
  reason: searchText.optional(),
  kind: oneOf(eventKinds),
  source: oneOf(sources),
  decision: oneOf(decisions),
  account: searchText.optional(),
  session_id: searchText.optional(),
  reference_id: searchText.optional(),
  admission: oneOf(admissions),
  from: timeText.optional(),
  to: timeText.optional(),
};

type Fields = { [Name in keyof typeof deliveryFilterFields]?: z.infer<(typeof deliveryFilterFields)[Name]> };

/** The filter that the fields stand for. */
export function readDeliveryFilter(fields: Fields): DeliveryFilter {
  const { session_id: sessionId, reference_id: referenceId, ...others } = fields;
  const { from, to } = others;
  if (from !== undefined && to !== undefined && from >= to) {
    throw new ServiceError('invalid_request', '"from" must be before "to".');
  }
  return { ...others, sessionId: sessionId as SessionId | undefined, referenceId };
}

/** The filter as it was asked for. */
export function showDeliveryFilter({ sessionId, referenceId, ...others }: StoredFilter) {
  return { ...others, session_id: sessionId, reference_id: referenceId };
}
