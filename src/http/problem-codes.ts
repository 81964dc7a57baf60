// The codes that a caller under /v1 can meet, with what each means and whether it helps to send the same request again. The table
// in docs/api.md is written from it.
import type { ErrorCode } from '../errors.ts';
import { statusOf } from './error-response.ts';

/** These are trouble of ours, and leave as `internal`. */
type OurOwn = 'config_invalid' | 'embedded_postgres_failed' | 'schema_mismatch';
/** These are answered without an error that is thrown. */
const otherStatusOf = { method_not_allowed: 405, request_timeout: 408, head_too_large: 431 } as const;

export type ProblemCode = Exclude<ErrorCode, OurOwn> | keyof typeof otherStatusOf;

interface Told {
  readonly means: string;
  readonly again: string;
}

const told: Readonly<Record<ProblemCode, Told>> = {
  invalid_request: {
    means: 'The request cannot be understood, or asks for what cannot be. `detail` names what and why.',
    again: 'no: change it',
  },
  unauthorized: {
    means: 'No key, or one that is not known here, was revoked or has expired.',
    again: 'no: take another key',
  },
  forbidden: {
    means: 'The role of the key does not reach as far as the route.',
    again: 'no: take another key',
  },
  not_found: {
    means: 'There is no such thing here, or no such route.',
    again: 'only where it may have come to be meanwhile, such as a session that is told of later',
  },
  method_not_allowed: { means: 'The path takes other methods; `Allow` names them.', again: 'no' },
  request_timeout: {
    means: 'The request did not come whole within `REQUEST_TIMEOUT_SECONDS`.',
    again: 'yes',
  },
  conflict: {
    means:
      'It cannot be done as things stand; `detail` says why. Such as: two accounts know the id (add `account`), the `Idempotency-Key` had another body, a setting is missing.',
    again: 'no: something has to change first',
  },
  in_progress: {
    means: 'The very same create, under this `Idempotency-Key`, is still under way.',
    again: 'yes, after `Retry-After`: it answers what the first one made',
  },
  gone: {
    means: 'The cursor is older than what is kept of the change feed, or of another database.',
    again: 'no: take the cursor of now (`after=latest`), then read anew what you need, then follow from it',
  },
  rate_limited: {
    means: 'This key has asked too often, or this address with unknown keys.',
    again: 'yes, after `Retry-After`',
  },
  head_too_large: { means: 'The address with its query and the headers are too long.', again: 'no' },
  internal: {
    means: 'Something went wrong here that nobody foresaw; the log has it under the `request_id`.',
    again: 'a read, later; and tell the operators the `request_id`',
  },
  unavailable: {
    means: 'The database or iLive cannot be asked now, or the answer took too long.',
    again: 'yes, after `Retry-After`; a write may have been done all the same',
  },
  overloaded: {
    means: 'A limit of the service is reached for now, such as `WAIT_MAX_CALLERS`.',
    again: 'yes, after `Retry-After`',
  },
};

/** All of them, by their status. */
export const problemCodes = Object.entries(told)
  .map(([code, { means, again }]) => ({
    code: code as ProblemCode,
    status: { ...statusOf, ...otherStatusOf }[code as ProblemCode],
    means,
    again,
  }))
  .sort((one, other) => one.status - other.status);
