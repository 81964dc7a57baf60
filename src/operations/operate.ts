// What every operator's action goes through: it is done and put into the audit in one transaction, so that neither is
// there without the other. One that fails is put into the audit too, with the code of what went wrong.
import type { EncryptionKey } from '../cipher.ts';
import type { Database, Transaction } from '../db/connect.ts';
import { asServiceError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Action } from './action.ts';
import { appendAudit } from './audit.ts';

export interface OperateDependencies {
  readonly db: Database;
  /** The audit's hashes hang on it; undefined where no encryption key is configured. */
  readonly auditKey: EncryptionKey | undefined;
  readonly log: Log;
  readonly now: () => Date;
}

export interface Done<T> {
  /** How many rows it changed or showed. */
  readonly rows: number;
  readonly result: T;
  /** What was only found out by doing it, for the audit. */
  readonly details?: Action['details'];
}

/** Does `work` and puts it into the audit with it. Throws what `work` throws, after that is in the audit. */
export function operate<T>(
  deps: OperateDependencies,
  action: Action,
  work: (tx: Transaction) => Promise<Done<T>>,
): Promise<T> {
  return operateAfter(deps, action, async () => undefined, work);
}

/** As `operate`, with what has to be found out before the transaction, such as by asking iLive. */
export async function operateAfter<P, T>(
  deps: OperateDependencies,
  action: Action,
  prepare: () => Promise<P>,
  work: (tx: Transaction, prepared: P) => Promise<Done<T>>,
): Promise<T> {
  try {
    const prepared = await prepare();
    return await deps.db.transaction(async (tx) => {
      const { rows, result, details } = await work(tx, prepared);
      const done = { ...action, details: { ...action.details, ...details } };
      await appendAudit(tx, { ...done, rows, outcome: 'done', at: deps.now() }, deps.auditKey);
      return result;
    });
  } catch (error) {
    const outcome = asServiceError(error).code;
    const entry = { ...action, rows: 0, outcome, at: deps.now() };
    await deps.db
      .transaction((tx) => appendAudit(tx, entry, deps.auditKey))
      .catch((cause: unknown) =>
        deps.log.error({ err: cause, action: action.name }, 'the audit could not be written'),
      );
    throw error;
  }
}
