// Which of the errors of a statement are the database's trouble and which are the row's. Trouble of the database is
// `unavailable`: retried for as long as it lasts, and no delivery pays an attempt for it. What is left is about the data
// in hand, or the statement, and comes back on every try.

import path from 'node:path';
import { DatabaseError } from 'pg';
import { ServiceError } from '../errors.ts';
import { messageOf } from '../log.ts';
import { DrizzleQueryError } from './drizzle.ts';

const lockNotAvailable = '55P03'; // within lock_timeout

// SQLSTATE classes and codes, from the Postgres manual's appendix A.
// Connection, who may connect, resources, operator intervention, system.
const unavailableClasses = ['08', '28', '53', '57', '58'];
const unavailableCodes = [
  '25006', // read only: a standby that has not been promoted yet
  '40001', // serialization failure
  '40P01', // deadlock: one of the two is asked to try again
  lockNotAvailable,
  '25P03', // idle in transaction for too long
  '3D000', // database does not exist (yet)
  '55000', // database takes no connections now
];
// Not done within `statement_timeout`, or cancelled by somebody; no memory for it, or no room for its locks.
const tooMuchCodes = ['57014', '53200'];

const retryAfterMs = 2_000;

/** What the driver threw, as `unavailable` where the database is in trouble; otherwise as Postgres gave it. */
export function asDatabaseTrouble(caught: unknown): unknown {
  // Drizzle's own error carries the statement's parameters, which may be a person's: it must not reach a log.
  const error = caught instanceof DrizzleQueryError ? caught.cause : caught;
  return error instanceof ServiceError || !isTrouble(error) ? error : asUnavailable(error);
}

/**
 * The same for what was promised, or is about to be: whatever Postgres says of anything but the data is its trouble, and costs
 * no more than a wait. No trouble are a table that was changed under a statement, which refuses it once (0A), and what somebody's
 * trigger refuses (P0).
 */
export function unlessRefused(error: unknown): unknown {
  const isRefused = isDataRefused(error) || ['0A', 'P0'].includes(classOf(error));
  return error instanceof DatabaseError && !isRefused ? asUnavailable(error) : error;
}

function asUnavailable(error: unknown): ServiceError {
  const said = error instanceof Error ? messageOf(error) : String(error);
  return new ServiceError('unavailable', `Postgres is not available: ${said}`, {
    cause: error,
    retryAfterMs,
  });
}

/** Whether Postgres refused the data itself (SQLSTATE class 22, 23 or 54), which no retry can change. */
export function isDataRefused(error: unknown): boolean {
  return ['22', '23', '54'].includes(classOf(error));
}

/** Whether a wait for a lock was given up, because of `lock_timeout` or of `nowait`. */
export function isLockTimeout(error: unknown): boolean {
  return causeCodeOf(error) === lockNotAvailable;
}

/** Whether a statement was more than the database can do at once; for less of the same it may have the time, or the memory. */
export function isTooMuch(error: unknown): boolean {
  return tooMuchCodes.includes(causeCodeOf(error) ?? '');
}

const ourFolder = path.join(import.meta.dirname, '..', path.sep);

/**
 * Why work on stored deliveries failed, for those who look at them and for the log. Of a database error its SQLSTATE, and of a bug
 * the error's class and where it was thrown: what else they say may quote a delivery.
 */
export function detailOf(error: unknown): string {
  const told = error instanceof ServiceError && error.cause instanceof DatabaseError ? error.cause : error;
  if (told instanceof DatabaseError) return `SQLSTATE ${told.code}`;
  if (told instanceof ServiceError) return told.message.slice(0, 200);
  return told instanceof Error ? `${told.constructor.name}${placeOf(told)}` : 'something that is no error';
}

// The innermost line of our code. The message stands before the frames, and may look like one.
function placeOf({ message, stack = '' }: Error): string {
  const frames = stack.slice(stack.indexOf(message) + message.length);
  const [, place] = frames.split(ourFolder);
  return place === undefined ? '' : ` at ${place.split(/[)\s]/, 1)}`;
}

/** Whether a row is there already. */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === '23505';
}

function causeCodeOf(error: unknown): string | undefined {
  return error instanceof ServiceError ? (error.cause as { code?: string } | undefined)?.code : undefined;
}

function classOf(error: unknown): string {
  return error instanceof DatabaseError ? (error.code ?? '').slice(0, 2) : '';
}

function isTrouble(error: unknown): boolean {
  if (error instanceof DatabaseError) {
    return unavailableCodes.includes(error.code ?? '') || unavailableClasses.includes(classOf(error));
  }
  // What is no answer of the server's is about the connection: a socket, TLS, a password, a pool that is closed. But for a bug.
  return error instanceof Error && !(error instanceof TypeError || error instanceof RangeError);
}
