// Trouble that a caller can act on. Expected outcomes are return values, bugs are assertions; what is left is thrown as
// a ServiceError with a code from this closed list. HTTP and the queue each own one table from code to what they do,
// so this file knows neither.

export const errorCodes = [
  'config_invalid', // the environment does not describe a service that could run
  'unavailable', // infrastructure is away: retried for as long as it lasts, costs a delivery no attempt
  'overloaded', // a named limit of ours is reached for now
  'embedded_postgres_failed', // the bundled Postgres could not be started; the message says what to do
  'schema_mismatch', // the database was migrated by a newer version of the service
  'invalid_request', // the caller's request cannot be understood; the message names what and why
  'unauthorized', // no key, or not a key of ours
  'forbidden', // a key of ours, whose role does not reach this far
  'not_found', // no such thing
  'conflict', // it cannot be done as things stand; the message says why, or how to choose
  'in_progress', // the very same request is under way; its answer can be had a little later
  'gone', // it was there, and is not kept any longer; the message says how to begin anew
  'rate_limited', // this key has asked too often; it may again after a while
  'internal', // anything that nobody foresaw
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export class ServiceError extends Error {
  readonly code: ErrorCode;
  /** How long a caller should wait before it tries again; set where waiting can help. */
  readonly retryAfterMs: number | undefined;
  /** Of `unavailable`: that its message was written for callers. Others may name what only operators should see. */
  readonly isForCallers: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; retryAfterMs?: number; isForCallers?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ServiceError';
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
    this.isForCallers = options.isForCallers ?? false;
  }
}

/** The environment with all that is wrong with it, one a line. */
export function unusableConfig(problems: readonly string[]): ServiceError {
  const lines = problems.map((problem) => `  - ${problem}`);
  return new ServiceError('config_invalid', `The configuration cannot be used:\n${lines.join('\n')}`);
}

/** Narrows whatever was caught to a ServiceError; what nobody foresaw becomes `internal` with the cause kept. */
export function asServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  return new ServiceError('internal', error instanceof Error ? error.message : String(error), {
    cause: error,
  });
}

/** Whether it says that something is away for now. */
export function isUnavailable(error: unknown): error is ServiceError {
  return error instanceof ServiceError && error.code === 'unavailable';
}
