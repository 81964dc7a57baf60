// A number with what it counts, as people say it: "1 request", "2 deliveries", "5 min". For sentences alone; it knows the plain
// English plurals that this service needs, and no others.

/** `verbs` are what follows: for one, and for any other number. */
export function counted(
  count: number,
  noun: string,
  ...verbs: readonly [] | readonly [string, string]
): string {
  const isOne = count === 1;
  const named = isOne ? noun : /[^aeiou]y$/.test(noun) ? `${noun.slice(0, -1)}ies` : `${noun}s`;
  const verb = verbs.length === 0 ? '' : ` ${isOne ? verbs[0] : verbs[1]}`;
  return `${count} ${named}${verb}`;
}

/** A length of time as people say it: `0.34 s`, `12 s`, `5 min`, `3 h`, `2 d`. */
export function renderSpan(ms: number): string {
  const seconds = Math.abs(ms) / 1000;
  const sign = ms < 0 ? '-' : '';
  if (seconds < 10) return `${sign}${Number(seconds.toPrecision(2))} s`;
  if (seconds < 120) return `${sign}${Math.round(seconds)} s`;
  if (seconds < 2 * 3600) return `${sign}${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${sign}${Math.round(seconds / 3600)} h`;
  return `${sign}${Math.round(seconds / 86_400)} d`;
}
