// `?as_of=` and `?known_at=`: questions about the past. The first is by iLive's clock, what had happened by then; the second
// by ours, what we knew by then.
import { ServiceError } from '../errors.ts';
import type { Moment } from '../events/as-of.ts';
import type { Instant } from '../events/instant.ts';
import { instantText } from './query.ts';
import { instant } from './shapes.ts';

export const momentParameters = {
  as_of: instantText.optional().describe("What had happened by then, by iLive's clock, as far as we know."),
  known_at: instantText.optional().describe('What was known here by then; not in the future.'),
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
