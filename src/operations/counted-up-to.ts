// A number of rows that are counted only so far. Apart from `counted`, which the command loads, and with it no database.
import { countedMax } from '../db/status.ts';
import { counted } from './counted.ts';

// "100000 deliveries" that stay as many while they are worked off would say that nothing is done.
export function countedUpTo(
  count: number,
  noun: string,
  ...verbs: readonly [] | readonly [string, string]
): string {
  const text = counted(count, noun, ...verbs);
  return count < countedMax ? text : text.replace(/^\d+/, '$& or more');
}
