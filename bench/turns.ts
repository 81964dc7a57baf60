// In which order the contenders of a round are measured. Whoever is measured next meets what the one before has left behind:
// a busy disk, a machine that has just slept. So nobody may always follow the same neighbour.

/**
 * The order of this round, counted from 0: to and fro between both ends of the list, each round one further. Over as many
 * rounds as there are items each comes first once, and follows another at most twice; of an even number at most once.
 */
export function turnedBy<T>(round: number, items: readonly T[]): T[] {
  const count = items.length;
  return items.flatMap((_, place) => {
    const end = place % 2 === 0 ? count - place / 2 : (place + 1) / 2;
    const index = (end + round) % count;
    return items.slice(index, index + 1);
  });
}
