// Waiting for a store only so long: what has not ended in time goes on, and nobody waits for it any more.

/** Rejects with what `late` makes when the work takes longer. */
export async function within<T>(
  ms: number,
  work: Promise<T>,
  late = () => new Error(`no answer within ${ms} ms`),
): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(late()), ms);
  timer.unref();
  return await Promise.race([work, promise]).finally(() => clearTimeout(timer));
}

/** Whether the work ends in time, well or not. */
export function endsWithin(ms: number, work: Promise<unknown>): Promise<boolean> {
  const ended = work.then(
    () => true,
    () => true,
  );
  return within(ms, ended).catch(() => false);
}
