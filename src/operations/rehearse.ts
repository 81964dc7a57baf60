// Doing something for real and taking it back: a dry run that is exactly what the real run would be.
import type { Transaction } from '../db/connect.ts';

/** Does `work` and undoes what it wrote; what the transaction wrote before stays. */
export async function rehearse<T>(tx: Transaction, work: () => Promise<T>): Promise<T> {
  await tx.query({ text: 'savepoint rehearsal' });
  const result = await work();
  await tx.query({ text: 'rollback to savepoint rehearsal' });
  return result;
}
