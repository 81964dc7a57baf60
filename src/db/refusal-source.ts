// Which refusals are of one source, and how much room there is for whom: in SQL for those that are kept, in memory for those
// that wait to be. Anybody can write any account into a path, so an account without secrets tells nobody from another: all
// of them share what those with secrets leave, and only where a request came from tells them apart. Both halves of this
// file must say the same.

/**
 * What the refusals of accounts that have or had secrets may take of each limit. The rest is set apart for accounts that have
 * none, so that neither can push out the other: one of them may be iLive's, under an account that nobody has set up yet.
 */
export const knownShare = 0.9;

/** The account itself, where it has or had a secret. */
export const isKnownSql = 'account in (select account from webhook_secrets)';

/**
 * Where a request came from: an address, or the first 56 bits of one of IPv6, since whoever has one of these has at least a
 * network of them (RFC 6177). Works on text alone, so that no address, whatever it is, can fail: one with three groups of zeros or
 * more in its first half may share a network with its neighbours, which no address that iLive or others are given has.
 */
export function networkOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address;
  const [head = ''] = address.split('::');
  const [first, second, third, fourth = ''] = `${head}:0:0:0:0`.split(':');
  return [first, second, third, fourth.padStart(4, '0').slice(0, 2)].join(':');
}

const headSql = `split_part(address, '::', 1) || ':0:0:0:0'`;
/** `networkOf` the row's address. */
export const networkSql = `
  case when position(':' in address) = 0 or position('.' in address) > 0 then address
       else concat_ws(':', split_part(${headSql}, ':', 1), split_part(${headSql}, ':', 2), split_part(${headSql}, ':', 3),
                      left(lpad(split_part(${headSql}, ':', 4), 4, '0'), 2)) end`;

/** The columns that tell a source from another. */
export const sourceSql = `case when ${isKnownSql} then account end, case when ${isKnownSql} then reason end, ${networkSql}`;

/** What a row takes beside its bytes, when sources are compared: many small requests fill the store as well. */
export const rowBytes = 1_024;
