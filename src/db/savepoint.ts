// Part of a transaction that can be taken back, while what the transaction wrote before stays.

import { ServiceError } from '../errors.ts';
import type { Transaction } from './connect.ts';

/** Does `work` for real and undoes what it wrote: a dry run that is exactly what the real run would be. */
export async function rehearse<T>(tx: Transaction, work: () => Promise<T>): Promise<T> {
  await tx.query({ text: 'savepoint rehearsal' });
  const result = await work();
  await tx.query({ text: 'rollback to savepoint rehearsal' });
  return result;
}

/** Does `work`; where it throws, what it wrote is undone and the transaction can go on. After trouble of the database it cannot. */
export async function inSavepoint<T>(tx: Transaction, work: () => Promise<T>): Promise<T> {
  await tx.query({ text: 'savepoint part' });
  try {
    const result = await work();
    await tx.query({ text: 'release savepoint part' });
    return result;
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    await tx.query({ text: 'rollback to savepoint part' });
    await tx.query({ text: 'release savepoint part' });
    throw error;
  }
}
