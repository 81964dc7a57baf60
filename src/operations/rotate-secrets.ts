// Changing a signing secret with evidence: the new one is put beside the old, and the old one is retired only once it has
// stopped matching and the new one has begun to. Each runs in the transaction of its action.
import type { Cipher } from '../cipher.ts';
import type { Transaction } from '../db/connect.ts';
import { insertSecret, lockSecrets, markSecrets, type SecretRow } from '../db/webhook-secrets.ts';
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
}

// Every process writes down its matches once a second.
const notingLagMs = 2_000;

/** Puts a new secret beside those that count; these are to go. Throws `conflict` where that cannot be. */
export async function beginRotation(
  tx: Transaction,
  { ring, cipher, encoding, now }: RotateDependencies,
  { account, name, secret }: RotationToBegin,
): Promise<SecretRow> {
  if (cipher === undefined) {
    throw new ServiceError('conflict', 'Secrets cannot be kept here: ENCRYPTION_KEYS is not set.');
  }
  const flaw = secretFlaw(secret.reveal(), encoding);
  if (flaw !== undefined) {
    throw new ServiceError('invalid_request', `field "secret" ${flaw} (ILIVE_SECRET_ENCODING).`);
  }
  const fingerprint = fingerprintOf(account, secret);
  const rows = await lockSecrets(tx, account);
  const usable = new Set(ring.secretsOf(account).map((held) => held.fingerprint));
  const going = rows.find((row) => row.retiringAt !== null && row.retiredAt === null);
  if (going !== undefined) {
    const message = `A rotation of this account is going on: "${going.name}" is to go. Finish it first.`;
    throw new ServiceError('conflict', message);
  }
  const same = rows.find((row) => row.fingerprint === fingerprint);
  if (same !== undefined) {
    throw new ServiceError('conflict', `This secret is known already, as "${same.name}". Use a new one.`);
  }
  if (rows.some((row) => row.name === name)) {
    throw new ServiceError('conflict', `This account has a secret named "${name}" already.`);
  }
  const sealed = cipher.seal(secret.reveal(), secretContext(account, fingerprint));
  const row = await insertSecret(tx, { account, fingerprint, name, origin: 'database', sealed }, now());
  // One of the database counts everywhere, also while the encryption key that opens it is missing.
  const old = rows.filter(
    (each) => each.retiredAt === null && (each.origin === 'database' || usable.has(each.fingerprint)),
  );
  const oldOnes = old.map((each) => each.fingerprint);
  if (oldOnes.length > 0) await markSecrets(tx, account, oldOnes, { retiringAt: now() });
  return row;
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
  const begun = begunWith(rows, ring.secretsOf(account));
  if (begun.every((row) => row.lastMatchedAt === null)) {
    const names = begun.map(({ name }) => `"${name}"`).join(', ');
    const message = `The new secret ${names} has never matched a delivery of iLive's: is it set there?`;
    throw new ServiceError('conflict', message);
  }
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
  const ofDatabase = rows.filter(({ origin }) => origin === 'database').map(({ addedAt }) => addedAt);
  const begunAt = ofDatabase.sort().at(-1) ?? '';
  return rows.filter(
    ({ origin, fingerprint, addedAt, retiringAt }) =>
      retiringAt === null &&
      addedAt >= begunAt &&
      (origin === 'database' || usable.some((held) => held.fingerprint === fingerprint)),
  );
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
