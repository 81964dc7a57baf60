// A number with what it counts, as people say it: "1 request", "2 deliveries". For sentences alone; it knows the plain English
// plurals that this service needs, and no others.
import { countedMax } from '../db/status.ts';

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

// "100000 deliveries" that stay as many while they are worked off would say that nothing is done.
export function countedUpTo(
  count: number,
  noun: string,
  ...verbs: readonly [] | readonly [string, string]
): string {
  const text = counted(count, noun, ...verbs);
  return count < countedMax ? text : text.replace(/^\d+/, '$& or more');
}
