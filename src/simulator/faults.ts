// What can go wrong between iLive and us, as a closed list. Each fault has a share of the sessions that it strikes by
// default; a fault that is on strikes at least once, so that no run passes for lack of trouble. The shares are our own
// choice: nothing is known of how often the real vendor errs.

export const defaultShares = {
  duplicate: 0.05, // the same request once more
  duplicate_at_once: 0.03, // the same request three times, all on their way together
  duplicate_new_id: 0.04, // the same bytes under another webhook id
  reorder: 0.03, // the newer verdict of a session before the older one
  delay: 0.04, // late, so that what was sent after it arrives before it
  cut: 0.02, // the connection breaks in the middle of the body; the vendor tries once more
  slow: 0.02, // the body comes in pieces
  contradiction: 0.02, // two verdicts for one session and one moment
  alias: 0.04, // another spelling of the kind
  extra_fields: 0.05, // fields that nobody has heard of
  absent_fields: 0.05, // optional fields left out or null
  tampered: 0.02, // a body that was changed after it was signed
  wrong_secret: 0.02, // signed by somebody else
  unsigned: 0.02, // without any of the three headers
  stale: 0.02, // truly signed ten minutes ago
  future: 0.01, // truly signed, ten minutes ahead
  truncated: 0.02, // half a body, truly signed
  invalid_utf8: 0.01, // a byte that is no text, truly signed
  not_an_object: 0.01, // JSON, but a list, a text, a number or null
  unknown_kind: 0.02, // a kind that nobody has heard of
  unreadable_body: 0.02, // a kind that we know without what it needs
  unstorable_text: 0.01, // text that Postgres cannot hold
} as const;

export type FaultName = keyof typeof defaultShares;
export type FaultShares = Readonly<Record<FaultName, number>>;

/**
 * Reads `all`, `none`, or a list such as `duplicate,tampered=0.1,-slow`: names alone take their default share, a list
 * that only takes away begins with all. A text is the reason why it cannot be read.
 */
export function parseFaults(text: string): FaultShares | string {
  const words = text.split(',').map((word) => word.trim());
  const isOnlyTakingAway = words.every((word) => word.startsWith('-'));
  const shares: Record<string, number> = isOnlyTakingAway ? { ...defaultShares } : noFaults();
  for (const word of words) {
    if (word === 'none') continue;
    if (word === 'all') {
      Object.assign(shares, defaultShares);
      continue;
    }
    const one = parseFault(word);
    if (typeof one === 'string') return one;
    shares[one.name] = one.share;
  }
  return shares as FaultShares;
}

function parseFault(word: string): { readonly name: FaultName; readonly share: number } | string {
  if (word === '') return 'a name is missing: it must be all, none, or a list of faults';
  const isTakingAway = word.startsWith('-');
  const [, name = '', given] = /^-?([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
  if (!isFaultName(name))
    return `"${name}" is no fault; the faults are ${Object.keys(defaultShares).join(', ')}`;
  if (isTakingAway) {
    return given === undefined ? { name, share: 0 } : `-${name} takes the fault away and has no share`;
  }
  const share = given === undefined ? defaultShares[name] : parseShare(given);
  return share === undefined
    ? `the share of ${name} must be a number from 0 to 1, not "${given}"`
    : { name, share };
}

/** A share from 0 to 1, written with digits alone; undefined for any other text. */
export function parseShare(text: string): number | undefined {
  const value = Number(text);
  return /^\d(\.\d{1,9})?$/.test(text) && value <= 1 ? value : undefined;
}

function noFaults(): Record<string, number> {
  return Object.fromEntries(Object.keys(defaultShares).map((name) => [name, 0]));
}

function isFaultName(name: string): name is FaultName {
  return Object.hasOwn(defaultShares, name);
}
