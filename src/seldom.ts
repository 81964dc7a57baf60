// What is done once in a while, however often it is asked for: a line of the log that would come again and again for as long
// as something is away, and bury the one that says what it is; and a look that costs somebody something, or that may hang.

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

/** Looks once at a time: whoever asks meanwhile is answered with the look that is under way. */
export function lookOnce<Seen>(look: () => Promise<Seen>): () => Promise<Seen> {
  let looking: Promise<Seen> | undefined;
  return () => {
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  };
}

/** Looks once in `everyMs` at most; meanwhile all are answered with the last look, also where it is still under way. */
export function lookSeldom<Seen>(everyMs: number, look: () => Promise<Seen>): () => Promise<Seen> {
  let last: { readonly at: number; readonly seen: Promise<Seen> } | undefined;
  return () => {
    if (last === undefined || performance.now() - last.at > everyMs) {
      last = { at: performance.now(), seen: look() };
    }
    return last.seen;
  };
}
