// `?as_of=` and `?known_at=`: questions about the past. The first is by iLive's clock, what had happened by then; the second
// by ours, what we knew by then.
import { z } from 'zod';
import { ServiceError } from '../errors.ts';
import type { Moment } from '../events/as-of.ts';
import { type Instant, parseInstant } from '../events/instant.ts';
import { instant } from './shapes.ts';

// To the microsecond, as iLive tells its times: a time that was copied from an answer must include what it belongs to.
const momentText = z
  .string()
  .refine((text) => parseInstant(text) !== undefined, 'must be a time such as 2026-11-23T00:00:00Z')
  .transform((text) => parseInstant(text) as Instant);

export const momentParameters = {
  as_of: momentText.optional().describe("What had happened by then, by iLive's clock, as far as we know."),
  known_at: momentText.optional().describe('What was known here by then; not in the future.'),
};

export const momentFields = {
  as_of: instant.nullable().describe('As asked; null for no limit.'),
  known_at: instant.nullable().describe('As asked; null for all that is known now.'),
};

/** The moment that is asked about. Throws `invalid_request` for what we cannot know yet. */
export function readMoment(
  query: { readonly as_of?: Instant | undefined; readonly known_at?: Instant | undefined },
  now: Date,
): Moment {
  if (query.known_at !== undefined && new Date(query.known_at) > now) {
    throw new ServiceError('invalid_request', 'query parameter "known_at" must not lie in the future.');
  }
  return { asOf: query.as_of ?? null, knownAt: query.known_at ?? null };
}
