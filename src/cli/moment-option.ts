// `--as-of` and `--known-at`: questions about the past, as the API takes them.
import type { Given, Options } from './command.ts';
import { readTime } from './time-option.ts';

export const momentOptions: Options = {
  'as-of': { value: 'TIME', doc: 'what had happened by then, by iLive’s clock' },
  'known-at': { value: 'TIME', doc: 'what was known here by then' },
};

/** The query that asks about an account and a moment, with its `?`; empty where neither is given. */
export function readMomentQuery(given: Given, command: string): string {
  const query = new URLSearchParams();
  const account = given.text('account');
  const asOf = readTime(given, 'as-of', command);
  const knownAt = readTime(given, 'known-at', command);
  if (account !== undefined) query.set('account', account);
  if (asOf !== undefined) query.set('as_of', asOf);
  if (knownAt !== undefined) query.set('known_at', knownAt);
  return query.size === 0 ? '' : `?${query}`;
}
