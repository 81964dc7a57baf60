// What is said where an id belongs to things of several accounts: accounts share none, so the caller has to choose.
import { ServiceError } from '../errors.ts';

/** The `conflict` that names the accounts. `what` is such as `have a session with this id`. */
export function severalAccounts(what: string, rows: readonly { readonly account: string }[]): ServiceError {
  const accounts = [...new Set(rows.map(({ account }) => account))].join(', ');
  // The commands show it as it is, so it names their flag too.
  const choice = 'Say which with ?account=, or --account on the command line.';
  return new ServiceError('conflict', `Several accounts ${what}: ${accounts}. ${choice}`);
}
