// Waits for a fact instead of for time: tests say what has to become true and by when. A deadline that passes fails
// with a description, so that a slow machine is told apart from a broken promise.

const defaultDeadlineMs = 60_000; // who is right needs a small part of it, on a machine that is slow as well
const pollMinMs = 10;
const pollMaxMs = 100;
/** Of the time that it has waited already: looking takes the processor from what is waited for. */
const pollShare = 0.05;
// Also where a test has Node's own replaced.
const now = performance.now.bind(performance);

/**
 * Polls `fact` until it is truthy and returns it; a throwing `fact` counts as "not yet" and is the error's cause. What a `fact`
 * expects has to hold each time that it is looked at.
 */
export async function until<T>(
  fact: () => T | Promise<T>,
  options: { deadlineMs?: number; describe?: string } = {},
): Promise<NonNullable<T>> {
  const { deadlineMs = defaultDeadlineMs, describe = fact.toString() } = options;
  const startedAt = now();
  let last: unknown;
  for (;;) {
    try {
      const value = await fact();
      if (value) return value;
      last = undefined;
    } catch (error) {
      if (error instanceof Error && error.name === 'AssertionError') throw error;
      last = error;
    }
    const waitedMs = now() - startedAt;
    if (waitedMs > deadlineMs) {
      throw new Error(`Not true within ${deadlineMs} ms: ${describe}`, { cause: last });
    }
    const pollMs = Math.min(Math.max(waitedMs * pollShare, pollMinMs), pollMaxMs);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
