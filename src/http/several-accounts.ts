// What is said where an id belongs to things of several accounts: accounts share none, so the caller has to choose.
import { ServiceError } from '../errors.ts';

/** The `conflict` that names the accounts. `thing` is such as `a session`. */
export function severalAccounts(thing: string, rows: readonly { readonly account: string }[]): ServiceError {
  const accounts = rows.map(({ account }) => account).join(', ');
  return new ServiceError(
    'conflict',
    `Several accounts have ${thing} with this id: ${accounts}. Add ?account=.`,
  );
}
