// What hangs on which encryption key, and which of these keys are missing: then what they sealed is not lost, but nothing
// can be done with it until they are put back. From what was looked at, without looking.

import { type EncryptionKey, sealKeyId } from '../cipher.ts';
import type { Queries } from '../db/connect.ts';
import { countSealed, type SealedCount } from '../db/sealed.ts';
import type { AuditKey } from './audit-keys.ts';
import { counted } from './counted.ts';
import { type Finding, finding } from './finding.ts';
import { unopened } from './open-refusal.ts';
import { type Problem, problem } from './problem.ts';
import type { ListedSecret } from './signing-secrets.ts';

export interface SealSight {
  /** The keys that are configured; the first seals. */
  readonly keyIds: readonly string[];
  readonly secrets: readonly ListedSecret[];
  readonly counts: readonly SealedCount[];
}

export interface SealDependencies {
  readonly db: Queries;
  /** The first seals. */
  readonly encryptionKeys: readonly EncryptionKey[];
  readonly listSecrets: () => Promise<ListedSecret[]>;
}

export async function lookAtSeals({ db, encryptionKeys, listSecrets }: SealDependencies): Promise<SealSight> {
  const [secrets, counts] = await Promise.all([listSecrets(), countSealed(db, unopened)]);
  return { keyIds: encryptionKeys.map(({ id }) => id), secrets, counts };
}

/** What is missing to judge the refused requests that are kept. */
export interface JudgingSight {
  /** The ids of the keys for want of which one of them does not open, or a secret that counts. */
  readonly missingKeys: readonly string[];
  /**
   * False also where a retired secret does not open, which may be what explains one of them, and where another process could
   * not open one.
   */
  readonly isComplete: boolean;
}

export function judgingOf(sight: SealSight): JudgingSight {
  const unopenedOnes = sight.secrets.filter(({ missingKey }) => missingKey !== null);
  const missingKeys = [
    ...unopenedOnes.filter(({ state }) => state !== 'retired').flatMap(({ missingKey }) => missingKey ?? []),
    ...missingCounts(sight).flatMap(({ what, key }) => (what === 'refusals' ? key : [])),
  ];
  const isComplete =
    missingKeys.length === 0 &&
    unopenedOnes.length === 0 &&
    !sight.counts.some(({ isUnopened }) => isUnopened);
  return { missingKeys: [...new Set(missingKeys)], isComplete };
}

/** What to do about keys that are missing; undefined where none is. */
export function adviceOnMissing(keys: readonly string[]): string | undefined {
  if (keys.length === 0) return undefined;
  const which = `${keys.length === 1 ? 'key' : 'keys'} ${keys.map((key) => `"${key}"`).join(', ')}`;
  return `put the ${which} back into ENCRYPTION_KEYS, behind the others, and restart; ${runbook}`;
}

/** A problem for each missing key that something waits for; an error where deliveries are turned away for it. */
export function sealProblems(sight: SealSight): Problem[] {
  const keys = [
    ...sight.secrets.flatMap(({ missingKey }) => missingKey ?? []),
    ...missingCounts(sight).map(({ key }) => key),
  ];
  return [...new Set(keys)].flatMap((key) => {
    const { names, things } = hangingOn(sight, key, 'missing');
    if (things.length === 0) return [];
    const away = names.length === 0 ? '' : ', and deliveries signed with it are answered 503';
    const message = `The encryption key "${key}" is missing: ${listed(things)} cannot be opened${away}.`;
    const isUrgent =
      names.length > 0 || missingCounts(sight).some((each) => each.what === 'tokens' && each.key === key);
    return problem(isUrgent ? 'error' : 'warning', message, adviceOnMissing([key]) ?? '');
  });
}

/**
 * Whether there are keys, whether one is missing, and for what an old one is still needed; by the audit too, as long as it is
 * among the keys that are `toCarry`.
 */
export function checkSeals(sight: SealSight, toCarry: readonly AuditKey[]): Finding[] {
  const [first, ...others] = sight.keyIds;
  const missing = sealProblems(sight).map(({ level, message, advice }) =>
    finding('encryption', level, message.replace(/\.$/, ''), advice),
  );
  if (first === undefined) {
    const message =
      'ENCRYPTION_KEYS is not set: tokens and secrets cannot be kept, and refusals are stored in clear';
    const advice = 'set it to id:key, the key from: openssl rand -base64 32';
    return [...missing, finding('encryption', 'warning', message, advice)];
  }
  const needed = others.map((key) => {
    const isOfAudit = toCarry.some(({ id }) => id === key);
    const things = [
      ...hangingOn(sight, key, 'there').things,
      ...(isOfAudit ? ['entries of the audit, for an hour at most'] : []),
    ];
    return things.length === 0
      ? `nothing in the database needs "${key}" any more`
      : `"${key}" is still needed for ${listed(things)}`;
  });
  return [...missing, finding('encryption', 'ok', [`"${first}" seals`, ...needed].join('; '), null)];
}

const runbook = 'see "Rotate an encryption key" in the runbook';

function missingCounts({ keyIds, counts }: SealSight): SealedCount[] {
  return counts.filter(({ key }) => !keyIds.includes(key));
}

// What waits for this key: a retired secret only explains, and waits for nothing.
function hangingOn(sight: SealSight, key: string, as: 'missing' | 'there') {
  const names = sight.secrets
    .filter(({ state, missingKey, sealed }) =>
      as === 'missing'
        ? state !== 'retired' && missingKey === key
        : sealed !== null && sealKeyId(sealed) === key,
    )
    .map(({ account, name }) => `"${name}" of ${account}`);
  const isMissing = !sight.keyIds.includes(key);
  const countOf = (what: SealedCount['what']) =>
    isMissing !== (as === 'missing')
      ? 0
      : sight.counts.reduce(
          (sum, each) => sum + (each.what === what && each.key === key ? each.count : 0),
          0,
        );
  const [refusals, tokens] = [countOf('refusals'), countOf('tokens')];
  // Nothing waits for these: a repeat of the create is told no address without them.
  const addresses = as === 'there' ? countOf('addresses') : 0;
  const things = [
    ...(names.length === 0 ? [] : [`${counted(names.length, 'signing secret')} (${names.join(', ')})`]),
    ...(refusals === 0 ? [] : [counted(refusals, 'refused request')]),
    ...(tokens === 0 ? [] : [`${counted(tokens, 'token')} of open sessions`]),
    ...(addresses === 0
      ? []
      : [`the addresses of ${counted(addresses, 'created session')}, for a day at most`]),
  ];
  return { names, things };
}

function listed(things: readonly string[]): string {
  return things.join(' and ');
}
