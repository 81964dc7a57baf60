// The signing secrets that count now, by account: those of this process' environment and those of the database, but for
// the retired ones. They are held in memory for the request path, which never waits for the database, and are read anew
// every second, so that a rotation reaches every receiver without a restart. When a secret last matched is written down
// with the same turn. No secret leaves this file but into a signature or a diagnosis.
import { scryptSync } from 'node:crypto';
import type { Cipher } from '../cipher.ts';
import type { Queries } from '../db/connect.ts';
import {
  listSecrets,
  type Match,
  noteMatches,
  recordSecrets,
  type SecretRow,
} from '../db/webhook-secrets.ts';
import type { KnownSecret } from '../ilive/diagnose.ts';
import { type SecretEncoding, type SigningKey, signingKey } from '../ilive/signature.ts';
import type { Log } from '../log.ts';
import { Secret } from '../secret.ts';

export interface EnvironmentSecrets {
  readonly account: string;
  readonly secrets: readonly Secret[];
}

export interface SecretRingOptions {
  readonly db: Queries;
  readonly environment: readonly EnvironmentSecrets[];
  readonly encoding: SecretEncoding;
  /** Undefined where no encryption key is configured: then the database holds no secrets. */
  readonly cipher: Cipher | undefined;
  readonly now: () => Date;
  readonly log: Log;
}

export interface UsableSecret {
  readonly fingerprint: string;
  readonly name: string;
  readonly secret: Secret;
  readonly key: SigningKey;
}

/** A secret whose text is known here, with the name that its fingerprint is. */
export interface RingSecret extends KnownSecret {
  readonly fingerprint: string;
}

export interface ListedSecret extends SecretRow {
  readonly state: KnownSecret['state'];
}

export interface SecretRing {
  /** Never waits; the keys of an account that has no secrets are none. */
  keysOf(account: string): readonly SigningKey[];
  /** The secrets behind `keysOf`, in its order; the newest is the last. */
  secretsOf(account: string): readonly UsableSecret[];
  /** Notes that the key at `keyIndex` of `keysOf` has matched what was received at `at`; now, when it is left out. */
  noteMatch(account: string, keyIndex: number, at?: Date): void;
  /** The accounts that have secrets which count. */
  accounts(): readonly string[];
  /** All whose text is known here, also those that no longer count. */
  knownSecrets(): readonly RingSecret[];
  /** What the database knows, as this process sees it. */
  list(): Promise<ListedSecret[]>;
  /** Reads the secrets anew, and writes down when they last matched. */
  refresh(): Promise<void>;
}

interface Held extends UsableSecret {
  readonly account: string;
}

const fingerprintBytes = 9;
// Of its fingerprint in a secret's name: its place in the list would name another one after the next change.
const namedChars = 4;
// Slow enough that whoever reads the database cannot try all words; done once for each secret at a start.
const fingerprintCost = 2 ** 14;

/** Names a secret without giving it away. */
export function fingerprintOf(account: string, secret: Secret): string {
  const salt = `ilive-webhooks signing secret ${account}`;
  return scryptSync(secret.reveal(), salt, fingerprintBytes, { N: fingerprintCost }).toString('base64url');
}

/** What binds a sealed secret to its row. */
export function secretContext(account: string, fingerprint: string): string {
  return JSON.stringify(['webhook secret', account, fingerprint]);
}

/** Holds the environment's secrets at once, and the database's after the first `refresh`. */
export function createSecretRing(options: SecretRingOptions): SecretRing {
  const { db, cipher, encoding, now, log } = options;
  const environment = readEnvironment(options);
  let usable = byAccount(environment);
  let keys = keysByAccount(usable);
  let known = environment.map((held) => ({ ...held, state: 'active' as KnownSecret['state'] }));
  let isRecorded = false;
  const matches = new Map<string, Match>();
  const opened = new Map<string, Secret>();
  const warned = new Set<string>();

  const isHere = (row: SecretRow) =>
    row.origin === 'database' ||
    environment.some(
      ({ account, fingerprint }) => account === row.account && fingerprint === row.fingerprint,
    );
  const open = (row: SecretRow): Held | undefined => {
    const secret = opened.get(row.fingerprint) ?? openSecret(row, options);
    if (secret === undefined) return undefined;
    opened.set(row.fingerprint, secret);
    const { account, fingerprint, name } = row;
    return { account, fingerprint, name, secret, key: signingKey(secret.reveal(), encoding) };
  };
  const listNow = async () =>
    (await listSecrets(db)).map((row): ListedSecret => ({ ...row, state: stateOf(row, isHere(row)) }));

  return {
    keysOf: (account) => keys.get(account) ?? [],
    secretsOf: (account) => usable.get(account) ?? [],
    accounts: () => [...usable.keys()],
    noteMatch: (account, keyIndex, at = now()) => {
      const held = usable.get(account)?.[keyIndex];
      if (held === undefined) return;
      const { fingerprint } = held;
      const before = matches.get(fingerprint);
      if (before === undefined || before.at < at) matches.set(fingerprint, { account, fingerprint, at });
    },
    knownSecrets: () => known,
    list: listNow,
    refresh: async () => {
      if (!isRecorded) await recordEnvironment(db, environment, cipher, now());
      isRecorded = true;
      const noted = [...matches.values()];
      await noteMatches(db, noted);
      // Only now, and none that came meanwhile: a match that is lost makes a secret look quiet that is not.
      for (const match of noted) {
        if (matches.get(match.fingerprint) === match) matches.delete(match.fingerprint);
      }
      const rows = await listNow();
      const held = rows.flatMap((row) => {
        const own = environment.find(
          ({ account, fingerprint }) => account === row.account && fingerprint === row.fingerprint,
        );
        const found = own ?? open(row);
        return found === undefined
          ? []
          : [{ ...found, name: row.name, state: row.state, isOwn: own !== undefined }];
      });
      for (const { isOwn, state, account, name } of held) {
        if (!isOwn || state !== 'retired' || warned.has(name)) continue;
        warned.add(name);
        log.warn({ account, name }, 'a signing secret of the environment is retired; take it out there');
      }
      known = held;
      usable = byAccount(held.filter(({ state }) => state !== 'retired'));
      keys = keysByAccount(usable);
    },
  };
}

function readEnvironment({ environment, encoding }: SecretRingOptions): Held[] {
  return environment.flatMap(({ account, secrets }) =>
    secrets.map((secret) => {
      const fingerprint = fingerprintOf(account, secret);
      const name = `environment-${fingerprint.slice(0, namedChars)}`;
      return { account, fingerprint, name, secret, key: signingKey(secret.reveal(), encoding) };
    }),
  );
}

function recordEnvironment(
  db: Queries,
  environment: readonly Held[],
  cipher: Cipher | undefined,
  now: Date,
): Promise<void> {
  const rows = environment.map(({ account, fingerprint, name, secret }) => ({
    account,
    fingerprint,
    name,
    origin: 'environment' as const,
    sealed: cipher?.seal(secret.reveal(), secretContext(account, fingerprint)) ?? null,
  }));
  const once = new Map(rows.map((row) => [row.fingerprint, row]));
  return recordSecrets(db, [...once.values()], now);
}

// One that is sealed with a key that is not configured cannot be used; the log says so, and the others go on.
function openSecret(row: SecretRow, { cipher, log }: SecretRingOptions): Secret | undefined {
  if (row.sealed === null || cipher === undefined) return undefined;
  try {
    return new Secret(cipher.open(row.sealed, secretContext(row.account, row.fingerprint)).toString());
  } catch (error) {
    log.warn({ err: error, account: row.account, name: row.name }, 'a signing secret could not be opened');
    return undefined;
  }
}

// A secret of the environment that this process does not have is one that was taken out of it: it only explains.
function stateOf(row: SecretRow, isHere: boolean): KnownSecret['state'] {
  if (row.retiredAt !== null || !isHere) return 'retired';
  return row.retiringAt === null ? 'active' : 'retiring';
}

function byAccount(held: readonly Held[]): Map<string, Held[]> {
  return Map.groupBy(held, ({ account }) => account);
}

function keysByAccount(usable: ReadonlyMap<string, readonly Held[]>): Map<string, SigningKey[]> {
  return new Map([...usable].map(([account, held]) => [account, held.map(({ key }) => key)]));
}
