// The known word that somebody most likely meant.

/** That of `known` of which `word` can only be a slip of the hand; undefined where it may be a word of somebody else's. */
export function misspelt(word: string, known: readonly string[]): string | undefined {
  return known.find((candidate) => candidate.length > 5 && distance(word, candidate) <= 2);
}

/** The nearest of `known`; undefined where none is near enough to be worth naming. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map((candidate) => ({ candidate, steps: distance(word, candidate) }))
    .sort((a, b) => a.steps - b.steps);
  if (best === undefined) return undefined;
  const isStart = word.length >= 3 && best.candidate.startsWith(word);
  return isStart || best.steps <= Math.max(1, Math.floor(best.candidate.length / 3))
    ? best.candidate
    : undefined;
}

/** Letters to change, add, drop or swap with their neighbour. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number) => rows[row]?.[column] ?? 0;
  for (let row = 1; row <= a.length; row += 1) {
    rows.push([row]);
    for (let column = 1; column <= b.length; column += 1) {
      const isSame = a[row - 1] === b[column - 1];
      const isSwap = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      const steps = [
        at(row - 1, column) + 1,
        at(row, column - 1) + 1,
        at(row - 1, column - 1) + (isSame ? 0 : 1),
        ...(isSwap ? [at(row - 2, column - 2) + 1] : []),
      ];
      rows[row]?.push(Math.min(...steps));
    }
  }
  return at(a.length, b.length);
}
