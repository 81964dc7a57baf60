// Changing a signing secret with evidence: the new one is put beside the old, and the old one is retired only once it has
// stopped matching and the new one has begun to. One that was retired too early is put back in the same way, but never without an
// explicit word, since it may have been retired because it leaked. Each runs in the transaction of its action.
import type { Cipher } from '../cipher.ts';
import type { Transaction } from '../db/connect.ts';
import {
  insertSecret,
  lockSecrets,
  markSecrets,
  reinstateSecret,
  type SecretRow,
} from '../db/webhook-secrets.ts';
import { ServiceError } from '../errors.ts';
import { type SecretEncoding, secretFlaw } from '../ilive/signature.ts';
import type { Secret } from '../secret.ts';
import { fingerprintOf, type SecretRing, secretContext, type UsableSecret } from './signing-secrets.ts';

export interface RotateDependencies {
  readonly ring: SecretRing;
  readonly cipher: Cipher | undefined;
  readonly encoding: SecretEncoding;
  readonly now: () => Date;
}

export interface RotationToBegin {
  readonly account: string;
  readonly name: string;
  readonly secret: Secret;
  /** The explicit word that has one that is known, and no longer counts, count again and be itself to go. */
  readonly isTakeBack: boolean;
}

export interface Begun {
  readonly row: SecretRow;
  /** Whether it was known, and counts again. */
  readonly isReinstated: boolean;
}

const howToTakeBack =
  'It is retired, and counts again with --reinstate ("reinstate": true in the API): only where it was not retired because it ' +
  'leaked, and iLive says that it still signs with it; else whoever has it sends these: leave them refused.';
// Every process writes down its matches once a second.
const notingLagMs = 2_000;

/**
 * Puts a new secret beside those that count; these are to go. One that is taken back counts again, and is itself to go where another
 * one has taken its place. Throws `conflict` where that cannot be.
 */
export async function beginRotation(
  tx: Transaction,
  { ring, cipher, encoding, now }: RotateDependencies,
  { account, name, secret, isTakeBack }: RotationToBegin,
): Promise<Begun> {
  if (cipher === undefined) {
    throw new ServiceError('conflict', 'Secrets cannot be kept here: ENCRYPTION_KEYS is not set.');
  }
  const flaw = secretFlaw(secret.reveal(), encoding);
  if (flaw !== undefined) {
    throw new ServiceError('invalid_request', `field "secret" ${flaw} (ILIVE_SECRET_ENCODING).`);
  }
  const fingerprint = fingerprintOf(account, secret);
  const rows = await lockSecrets(tx, account);
  const same = rows.find((row) => row.fingerprint === fingerprint);
  const counting = countingOf(rows, ring.secretsOf(account));
  refuseToBegin(rows, { same, counting, name, isTakeBack });
  const at = now();
  const sealed = cipher.seal(secret.reveal(), secretContext(account, fingerprint));
  const row = { account, fingerprint, name, origin: 'database', sealed } as const;
  if (isTakeBack) {
    const isReplaced = counting.some(({ retiringAt }) => retiringAt === null);
    return { row: await reinstateSecret(tx, row, isReplaced ? at : null), isReinstated: true };
  }
  const inserted = await insertSecret(tx, row, at);
  const oldOnes = counting.map((each) => each.fingerprint);
  if (oldOnes.length > 0) await markSecrets(tx, account, oldOnes, { retiringAt: at });
  return { row: inserted, isReinstated: false };
}

// One of the database counts everywhere, also while the encryption key that opens it is missing.
function countingOf(rows: readonly SecretRow[], usable: readonly UsableSecret[]): SecretRow[] {
  const here = new Set(usable.map(({ fingerprint }) => fingerprint));
  return rows.filter(
    ({ retiredAt, origin, fingerprint }) =>
      retiredAt === null && (origin === 'database' || here.has(fingerprint)),
  );
}

interface Beginning {
  readonly same: SecretRow | undefined;
  readonly counting: readonly SecretRow[];
  readonly name: string;
  readonly isTakeBack: boolean;
}

function refuseToBegin(rows: readonly SecretRow[], { same, counting, name, isTakeBack }: Beginning): void {
  if (same !== undefined) refuseKnown(same, counting.includes(same), isTakeBack);
  else if (isTakeBack) {
    const message = 'No secret of this account that no longer counts is this one: is it mistyped?';
    throw new ServiceError('conflict', message);
  }
  const going = rows.find((row) => row.retiringAt !== null && row.retiredAt === null);
  // One that is put back begins no rotation: it joins those that are to go.
  if (!isTakeBack && going !== undefined && !hasTakenBack(counting)) {
    const message = `A rotation of this account is going on: "${going.name}" is to go. Finish it first.`;
    throw new ServiceError('conflict', message);
  }
  if (rows.some((row) => row.name === name && row !== same)) {
    throw new ServiceError('conflict', `This account has a secret named "${name}" already.`);
  }
}

// One that was only taken out of the environment, and was never to go, is begun like any other.
function refuseKnown({ name, retiringAt, retiredAt }: SecretRow, isCounting: boolean, isTakeBack: boolean) {
  const known = `This secret is known already, as "${name}". Use a new one.`;
  if (isCounting) throw new ServiceError('conflict', known);
  if (isTakeBack || (retiringAt === null && retiredAt === null)) return;
  throw new ServiceError('conflict', `${known} ${howToTakeBack}`);
}

// Whether one that counts is to go because it was put back, and not because another was begun then: iLive may never come to the
// newer one, and hand out a third. Then nothing but that third can end it.
function hasTakenBack(counting: readonly SecretRow[]): boolean {
  const begunAt = begunAtOf(counting);
  return counting.some(({ retiringAt }) => retiringAt !== null && retiringAt > begunAt);
}

// When the newest of the database that stays was put there; before all else where there is none.
function begunAtOf(counting: readonly SecretRow[]): string {
  const staying = counting.filter(({ origin, retiringAt }) => origin === 'database' && retiringAt === null);
  return latest(staying.map(({ addedAt }) => addedAt));
}

// Instants of one form, which sort as texts do.
function latest(times: readonly string[]): string {
  return times.toSorted().at(-1) ?? '';
}

/** Retires the secrets that are to go; answers their names. Throws `conflict` while one of them still matches. */
export async function finishRotation(
  tx: Transaction,
  { ring, now }: RotateDependencies,
  { account, quietMs }: { readonly account: string; readonly quietMs: number },
): Promise<string[]> {
  const rows = (await lockSecrets(tx, account)).filter((row) => row.retiredAt === null);
  const going = rows.filter((row) => row.retiringAt !== null);
  if (going.length === 0) {
    throw new ServiceError('conflict', 'No rotation of this account is going on. Begin one first.');
  }
  refuseUnlessMatching(begunWith(rows, ring.secretsOf(account)), going);
  for (const row of going) refuseWhileMatching(row, quietMs, now());
  await markSecrets(
    tx,
    account,
    going.map(({ fingerprint }) => fingerprint),
    { retiredAt: now() },
  );
  return going.map(({ name }) => name);
}

// The newest of the database, where none can be put beside it meanwhile, and what the environment has got since, as long as it
// lists it. One that was taken out of the environment before keeps its row: that it matched once says nothing of now.
function begunWith(rows: readonly SecretRow[], usable: readonly UsableSecret[]): SecretRow[] {
  const counting = countingOf(rows, usable);
  const begunAt = begunAtOf(counting);
  return counting.filter(({ retiringAt, addedAt }) => retiringAt === null && addedAt >= begunAt);
}

// One that was there before the others began to go, as where one of these was put back, has to have matched since: by what it
// matched before, that one was retired too early. Of any other each match counts, also of what was received before and admitted.
function refuseUnlessMatching(begun: readonly SecretRow[], going: readonly SecretRow[]): void {
  const goingSince = latest(going.flatMap(({ retiringAt }) => retiringAt ?? []));
  const hasMatched = ({ addedAt, lastMatchedAt }: SecretRow) =>
    lastMatchedAt !== null && (addedAt >= goingSince || lastMatchedAt >= goingSince);
  if (begun.some(hasMatched)) return;
  const names = begun.map(({ name }) => `"${name}"`).join(', ');
  const isNever = begun.every(({ lastMatchedAt }) => lastMatchedAt === null);
  const how = isNever
    ? "has never matched a delivery of iLive's"
    : `has not matched a delivery of iLive's since ${goingSince}`;
  throw new ServiceError('conflict', `The new secret ${names} ${how}: is it set there?`);
}

function refuseWhileMatching(
  { name, lastMatchedAt, retiringAt }: SecretRow,
  quietMs: number,
  now: Date,
): void {
  // One that has never matched has nobody who uses it; only what another process has yet to write down is waited for.
  const neededMs = lastMatchedAt === null ? 0 : quietMs;
  const since = lastMatchedAt ?? '';
  const lastSign = retiringAt !== null && retiringAt > since ? retiringAt : since;
  const until = new Date(new Date(lastSign).getTime() + neededMs + notingLagMs);
  if (until <= now) return;
  const matched = lastMatchedAt === null ? 'has never matched' : `matched last at ${lastMatchedAt}`;
  throw new ServiceError(
    'conflict',
    `The secret "${name}" ${matched}, and the rotation began at ${retiringAt}: it must be quiet for ` +
      `${Math.max(neededMs, notingLagMs) / 1000} s. Finish after ${until.toISOString()}, or ask for less (--quiet; quiet_seconds in the API).`,
  );
}
