// The address of a Postgres as people write it in DATABASE_URL, read as `pg` reads it. `pg` lets whatever stands in an address
// win over what it is told beside it, so an `options` or a `statement_timeout` there would take the place of what our sessions ask
// for, without a word: `synchronous_commit`, by which a 202 is a promise, among it. This keeps it from that. Pure.

export interface PostgresAddress {
  /** For `pg`, without what it would take from there in place of ours. */
  readonly connectionString: string;
  /** In the words of `libpq`: those of the address and then ours, since the last one wins. */
  readonly options: string;
}

// What we set ourselves, on one connection or another, and `options`, which we put together.
const oursInAddresses = [
  'options',
  'application_name',
  'statement_timeout',
  'query_timeout',
  'idle_in_transaction_session_timeout',
];

// On every connection: under a role's or a database's own isolation batches would fail of each other, and under its time for locks at
// each session that two of them have.
const onEveryConnection = '-c default_transaction_isolation=read\\ committed -c lock_timeout=0';

/** What to connect with at `url`, for a session whose settings are `settings` whatever the address says of them. */
export function postgresAddress(url: string, settings = ''): PostgresAddress {
  // `pg` would write every percent sign of an address with a space in it anew, also those of a password.
  const [place = '', asked] = url.replaceAll(' ', '%20').split(/\?(.*)/s);
  const parameters = new URLSearchParams(asked);
  const theirs = parameters.getAll('options').at(-1) ?? '';
  for (const name of oursInAddresses) parameters.delete(name);
  return {
    connectionString: parameters.size === 0 ? place : `${place}?${parameters}`,
    options: [theirs, onEveryConnection, settings].filter((each) => each !== '').join(' '),
  };
}

/** Whether an address says what it seems to. One whose password holds a / or a # as it is names another host or database; of several hosts `pg` takes the whole list for one name. */
export function isPostgresAddress(text: string): boolean {
  // `pg` takes one without a host, whose place is among its parameters or in the environment.
  const url = URL.parse(text.replace('@/', '@host/'));
  if (url === null) return false;
  const { hash, hostname, username, pathname, search } = url;
  // Behind a / or a ? that ends the place too early stands what was meant to be the rest of it.
  const rest = pathname === '' ? search : pathname;
  return hash === '' && !hostname.includes(',') && (username !== '' || !rest.includes('@'));
}
