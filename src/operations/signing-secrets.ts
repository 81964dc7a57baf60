// The signing secrets that count now, by account: those of this process' environment and those of the database, but for
// the retired ones. They are held in memory for the request path, which never waits for the database, and are read anew
// every second, so that a rotation reaches every receiver without a restart. When a secret last matched is written down
// with the same turn. One that was sealed with another key than the first is sealed anew, so that an encryption key can be
// taken away; one that does not open is told of once, and its account is not taken for unknown. No secret leaves this file
// but into a signature or a diagnosis.
import { scryptSync } from 'node:crypto';
import { type Cipher, sealKeyId } from '../cipher.ts';
import type { Queries } from '../db/connect.ts';
import {
  listSecrets,
  type Match,
  noteMatches,
  recordSecrets,
  resealSecret,
  type SecretRow,
} from '../db/webhook-secrets.ts';
import type { KnownSecret } from '../ilive/diagnose.ts';
import { type SecretEncoding, type SigningKey, secretFlaw, signingKey } from '../ilive/signature.ts';
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
  /** The id of the encryption key that sealed it, where it does not open here; null where its text is known. */
  readonly missingKey: string | null;
}

export interface SecretRing {
  /** Never waits; the keys of an account that has no secrets are none. */
  keysOf(account: string): readonly SigningKey[];
  /** The secrets behind `keysOf`, in its order; the newest is the last. */
  secretsOf(account: string): readonly UsableSecret[];
  /** Notes that the key at `keyIndex` of `keysOf` has matched what was received at `at`; now, when it is left out. */
  noteMatch(account: string, keyIndex: number, at?: Date): void;
  /** The accounts that have secrets which count, also where none of them opens. */
  accounts(): readonly string[];
  /** Whether the account has or had a secret, here or in any process. Never waits. */
  isKnown(account: string): boolean;
  /** The ids of the encryption keys for want of which secrets of the account, that count, do not open. Never waits. */
  missingKeysOf(account: string): readonly string[];
  /** False where there are secrets that count, and none of any account opens. */
  canVerify(): boolean;
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
  const { db, cipher, now } = options;
  const environment = readEnvironment(options);
  const look = createLook(options, environment);
  const tell = createTeller(options);
  const reseal = createResealer(options);
  let usable = byAccount(environment);
  let keys = keysByAccount(usable);
  let missing = new Map<string, string[]>();
  let everKnown = new Set(usable.keys());
  let known = environment.map((held) => ({ ...held, state: 'active' as KnownSecret['state'] }));
  let isRecorded = false;
  const matches = new Map<string, Match>();

  return {
    keysOf: (account) => keys.get(account) ?? [],
    secretsOf: (account) => usable.get(account) ?? [],
    accounts: () => [...new Set([...usable.keys(), ...missing.keys()])],
    isKnown: (account) => everKnown.has(account),
    missingKeysOf: (account) => missing.get(account) ?? [],
    canVerify: () => usable.size > 0 || missing.size === 0,
    noteMatch: (account, keyIndex, at = now()) => {
      const held = usable.get(account)?.[keyIndex];
      if (held === undefined) return;
      const { fingerprint } = held;
      const before = matches.get(fingerprint);
      if (before === undefined || before.at < at) matches.set(fingerprint, { account, fingerprint, at });
    },
    knownSecrets: () => known,
    list: async () => (await listSecrets(db)).map((row) => look(row).listed),
    refresh: async () => {
      if (!isRecorded) await recordEnvironment(db, environment, cipher, now());
      isRecorded = true;
      const noted = [...matches.values()];
      await noteMatches(db, noted);
      // Only now, and none that came meanwhile: a match that is lost makes a secret look quiet that is not.
      for (const match of noted) {
        if (matches.get(match.fingerprint) === match) matches.delete(match.fingerprint);
      }
      const seen = (await listSecrets(db)).map(look);
      for (const each of seen) tell(each);
      known = seen.flatMap(({ held, listed: { name, state } }) =>
        held === undefined ? [] : [{ ...held, name, state }],
      );
      const isKey = ({ secret }: Held) => secretFlaw(secret.reveal(), options.encoding) === undefined;
      usable = byAccount(known.filter((held) => held.state !== 'retired' && isKey(held)));
      keys = keysByAccount(usable);
      missing = missingByAccount(seen);
      everKnown = new Set(seen.map(({ listed }) => listed.account));
      // Last, so that a database that takes no writes keeps no secret from counting.
      await reseal(seen);
    },
  };
}

/** One row, as this process sees it. */
interface Seen {
  readonly listed: ListedSecret;
  /** Undefined where the text is not known here. */
  readonly held: Held | undefined;
  /** Whether the environment of this process has it. */
  readonly isOwn: boolean;
}

function createLook(options: SecretRingOptions, environment: readonly Held[]): (row: SecretRow) => Seen {
  const opened = new Map<string, Secret>();
  const open = (row: SecretRow): Held | undefined => {
    const secret = opened.get(row.fingerprint) ?? openSecret(row, options.cipher);
    if (secret === undefined) return undefined;
    opened.set(row.fingerprint, secret);
    const { account, fingerprint, name } = row;
    return { account, fingerprint, name, secret, key: signingKey(secret.reveal(), options.encoding) };
  };
  return (row) => {
    const own = environment.find(
      ({ account, fingerprint }) => account === row.account && fingerprint === row.fingerprint,
    );
    const held = own ?? open(row);
    const missingKey = held !== undefined || row.sealed === null ? null : sealKeyId(row.sealed);
    const state = stateOf(row, own !== undefined || row.origin === 'database');
    return { listed: { ...row, state, missingKey }, held, isOwn: own !== undefined };
  };
}

// Once for each secret, since it is looked at every second.
function createTeller({ log, encoding }: SecretRingOptions): (seen: Seen) => void {
  const told = new Set<string>();
  return ({ listed: { account, name, fingerprint, state, missingKey }, held, isOwn }) => {
    const flaw = held && secretFlaw(held.secret.reveal(), encoding);
    const isToldOf = state === 'retired' ? isOwn : missingKey !== null || flaw !== undefined;
    if (!isToldOf) return void told.delete(fingerprint); // one that counts again may be retired again
    if (told.has(fingerprint)) return;
    told.add(fingerprint);
    if (state === 'retired') {
      const what = 'a signing secret of the environment is retired; list the new one there in its place';
      log.warn({ account, name }, what);
      return;
    }
    // One with a flaw was put in while the encoding was another.
    const what =
      flaw === undefined
        ? 'a signing secret does not open; put the key that sealed it back into ENCRYPTION_KEYS'
        : `a signing secret proves nothing: it ${flaw} (ILIVE_SECRET_ENCODING)`;
    log.error({ account, name, key: missingKey }, what);
  };
}

// Each row when it is first seen and never again: two processes that put another key in front would else undo each other's
// seals for ever. Whatever a process leaves that goes by the old order, the next one that starts seals anew.
function createResealer({ db, cipher, log }: SecretRingOptions): (seen: readonly Seen[]) => Promise<void> {
  const looked = new Set<string>();
  return async (seen) => {
    for (const { listed, held } of seen) {
      const { account, fingerprint, name, sealed } = listed;
      if (cipher === undefined || held === undefined || sealed === null || looked.has(fingerprint)) continue;
      const from = sealKeyId(sealed);
      const isOfFirst = from === cipher.keyId && openSecret(listed, cipher) !== undefined;
      if (!isOfFirst) {
        await resealSecret(
          db,
          listed,
          cipher.seal(held.secret.reveal(), secretContext(account, fingerprint)),
        );
        log.info({ account, name, from, to: cipher.keyId }, 'a signing secret was sealed anew');
      }
      looked.add(fingerprint);
    }
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

function openSecret(
  { account, fingerprint, sealed }: SecretRow,
  cipher: Cipher | undefined,
): Secret | undefined {
  const opened = sealed === null ? undefined : cipher?.open(sealed, secretContext(account, fingerprint));
  return opened && new Secret(opened.toString());
}

// A secret of the environment that this process does not have is one that was taken out of it: it only explains.
function stateOf(row: SecretRow, isHere: boolean): KnownSecret['state'] {
  if (row.retiredAt !== null || !isHere) return 'retired';
  return row.retiringAt === null ? 'active' : 'retiring';
}

function byAccount(held: readonly Held[]): Map<string, Held[]> {
  return Map.groupBy(held, ({ account }) => account);
}

function missingByAccount(seen: readonly Seen[]): Map<string, string[]> {
  const unopened = seen.filter(({ listed }) => listed.missingKey !== null && listed.state !== 'retired');
  const ofAccounts = Map.groupBy(unopened, ({ listed }) => listed.account);
  const keysOf = (rows: readonly Seen[]) => rows.flatMap(({ listed }) => listed.missingKey ?? []);
  return new Map([...ofAccounts].map(([account, rows]) => [account, [...new Set(keysOf(rows))]]));
}

function keysByAccount(usable: ReadonlyMap<string, readonly Held[]>): Map<string, SigningKey[]> {
  return new Map([...usable].map(([account, held]) => [account, held.map(({ key }) => key)]));
}
