// An order by chance, so that processes that take the same work begin at different ends of it, and what is stuck does not stand
// before the same others at each try.
export function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item);
}
