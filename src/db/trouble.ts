// Which of Postgres' errors are the database's trouble and which are the row's. Trouble of the database is
// `unavailable`: retried for as long as it lasts, and no delivery pays an attempt for it. What is left is about the data
// in hand and comes back on every try.

import { DatabaseError } from 'pg';
import { ServiceError } from '../errors.ts';
import { DrizzleQueryError } from './drizzle.ts';

// SQLSTATE classes and codes, from the Postgres manual's appendix A.
const unavailableClasses = ['08', '53', '57', '58']; // connection, resources, operator intervention, system
const unavailableCodes = [
  '25006', // read only: a standby that has not been promoted yet
  '40001', // serialization failure
  '40P01', // deadlock: one of the two is asked to try again
  '55P03', // lock not available within lock_timeout
  '25P03', // idle in transaction for too long
  '3D000', // database does not exist (yet)
];

const retryAfterMs = 2_000;

/** The error as `unavailable` when the database is in trouble; otherwise the error that Postgres or the code gave. */
export function asDatabaseTrouble(caught: unknown): unknown {
  // Drizzle's own error carries the statement's parameters, which may be a person's: it must not reach a log.
  const error = caught instanceof DrizzleQueryError ? caught.cause : caught;
  if (error instanceof ServiceError || !isTrouble(error)) return error;
  const said = error instanceof Error ? error.message : String(error);
  return new ServiceError('unavailable', `Postgres is not available: ${said}`, {
    cause: error,
    retryAfterMs,
  });
}

/** Whether Postgres refused the data itself (SQLSTATE class 22, 23 or 54), which no retry can change. */
export function isDataRefused(error: unknown): boolean {
  return error instanceof DatabaseError && ['22', '23', '54'].includes((error.code ?? '').slice(0, 2));
}

/** Whether a row is there already. */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === '23505';
}

function isTrouble(error: unknown): boolean {
  if (error instanceof DatabaseError) {
    const code = error.code ?? '';
    return unavailableCodes.includes(code) || unavailableClasses.includes(code.slice(0, 2));
  }
  if (error instanceof AggregateError) return error.errors.some(isTrouble); // connecting to ::1 and 127.0.0.1
  if (!(error instanceof Error)) return false;
  // The driver's own errors have no class: a system error has a syscall, the rest is told by its text.
  return 'syscall' in error || /connect|terminat|timeout|ended|not queryable|hang up/i.test(error.message);
}
