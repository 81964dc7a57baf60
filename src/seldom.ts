// For a line of the log that would come again and again for as long as something is away, and bury the one that says what it is.

/** Counts the times it is asked, and answers with how many there were since its last answer: at most once in `everyMs`. */
export function createSeldom(everyMs: number): () => number | undefined {
  let answeredAt = Number.NEGATIVE_INFINITY;
  let count = 0;
  return () => {
    count += 1;
    const now = performance.now();
    if (now - answeredAt < everyMs) return undefined;
    const answer = count;
    answeredAt = now;
    count = 0;
    return answer;
  };
}
