// The operator's part of the composition root: the keys to the API, and what the routes under /v1 need.
import { defaultAccount } from './config.ts';
import type { Database } from './db/connect.ts';
import { readOwnSchema } from './db/migration-files.ts';
import { pausables } from './db/schema-operations.ts';
import type {
  ApiDependencies,
  ExpectDependencies,
  FollowDependencies,
  RefusalDependencies,
  SecretDependencies,
} from './http/api.ts';
import { catalogueKinds } from './ilive/translate.ts';
import { addPauses } from './metrics.ts';
import { addFigures } from './metrics-figures.ts';
import { createKeyRing, type KeyRing } from './operations/api-keys.ts';
import { keyAudit } from './operations/audit.ts';
import { createDiagnoser } from './operations/diagnose-refusals.ts';
import type { DoctorDependencies } from './operations/doctor.ts';
import { isNear } from './operations/doctor-connections.ts';
import { figureReads } from './operations/figures.ts';
import { createVendorLook } from './operations/look-at-vendor.ts';
import { createPauses, type Pauses } from './operations/pauses.ts';
import { sendProbe } from './operations/send-probe.ts';
import { createSecretRing, type SecretRing } from './operations/signing-secrets.ts';
import type { StatusDependencies } from './operations/status.ts';
import { lookAtFolder } from './outage/look-at-folder.ts';
import type { OutageSight } from './outage/outage.ts';
import type { Announcer } from './queue/announce.ts';
import type { Running } from './running.ts';
import type { Reads } from './service-reads.ts';
import { scheduleUntilStop } from './service-stop.ts';
import { ledgerRulesOf, type VendorClient } from './service-vendor.ts';
import { readVersion } from './version.ts';

// A revoked key stops within this time in every process, and the time of one statement.
const keysRefreshMs = 1_000;
const secretsRefreshMs = 1_000;
const pausesRefreshMs = 1_000;
const auditKeysIntervalMs = 60 * 60 * 1000;
const diagnosisIntervalMs = 2_000;

/** The keys that work, read anew every second; resolves with the first reading. */
export async function startKeyRing(running: Running, db: Database): Promise<KeyRing> {
  const { config, log, now } = running;
  const { bootstrapKey } = config.http;
  const keyRing = createKeyRing({ db, bootstrapKey, now, log });
  await keyRing.refresh();
  if (bootstrapKey === undefined && !keyRing.hasKeys()) {
    log.warn('BOOTSTRAP_API_KEY is not set and no key has been made: the API answers nobody');
  }
  scheduleUntilStop(running, 'keys', keysRefreshMs, keyRing.refresh);
  return keyRing;
}

/** The signing secrets that count, read anew every second; those of the environment count at once. */
export async function startSecretRing(running: Running, db: Database): Promise<SecretRing> {
  const { config, cipher, log, now } = running;
  const { signingKeys: environment, secretEncoding: encoding } = config.receive;
  const ring = createSecretRing({ db, environment, encoding, cipher, now, log });
  await ring.refresh();
  scheduleUntilStop(running, 'secrets', secretsRefreshMs, ring.refresh);
  return ring;
}

/** What is paused, read anew every second; resolves with the first reading. */
export async function startPauses(running: Running, db: Database): Promise<Pauses> {
  const pauses = createPauses(db);
  await pauses.refresh();
  addPauses(running.metrics.registry, pausables, pauses.isPaused);
  scheduleUntilStop(running, 'pauses', pausesRefreshMs, pauses.refresh);
  return pauses;
}

export interface ApiParts {
  readonly db: Database;
  readonly reads: Reads;
  /** The pool that records deliveries. */
  readonly commitDb: Database;
  readonly databaseUrl: string;
  /** A pool of the operator's own: a long action holds up no question. */
  readonly operatorDb: Database;
  readonly expect: ExpectDependencies;
  readonly client: VendorClient | undefined;
  readonly follow: FollowDependencies;
  readonly announcer: Announcer;
  readonly ring: SecretRing;
  readonly lookAtOutage: () => OutageSight;
}

/** What the routes under /v1 need. */
export async function createApi(running: Running, parts: ApiParts): Promise<ApiDependencies> {
  const { db, operatorDb, expect } = parts;
  const { config, log, metrics, now } = running;
  const { encryptionKeys } = config.ledger;
  const refusals = createRefusalDependencies(running, parts);
  scheduleUntilStop(running, 'diagnosis', diagnosisIntervalMs, createDiagnoser(refusals));
  const carryKeys = () => keyAudit(operatorDb, encryptionKeys, now());
  await carryKeys();
  // A process of before the keys changed may have appended entries since.
  scheduleUntilStop(running, 'audit keys', auditKeysIntervalMs, carryKeys);
  const keyRing = await startKeyRing(running, operatorDb);
  const secrets = createSecretDependencies(running, parts);
  const look = createLook(running, parts);
  addFigures(metrics.registry, figureReads(operatorDb, now));
  return {
    db,
    readDb: parts.reads.readDb,
    expect,
    follow: parts.follow,
    operate: { db: operatorDb, auditKey: encryptionKeys[0], log, now },
    keyRing,
    refusals,
    secrets,
    status: {
      ...look,
      refusalLimits: config.refusals,
      lookAtOutage: parts.lookAtOutage,
    },
    doctor: createDoctorDependencies(running, parts, { look, keyRing, secrets }),
    about: { version: readVersion(), schema: (await readOwnSchema()).tag, role: config.role },
    replays: { ...config.replay, catalogue: refusals.catalogue, ledger: ledgerRulesOf(running), now },
    encryptionKeys,
    now,
    onAnswered: (operation, status, seconds) => {
      metrics.requests.inc({ operation, status });
      if (seconds !== undefined) metrics.requestSeconds.observe({ operation }, seconds);
    },
  };
}

function createRefusalDependencies(
  running: Running,
  { operatorDb, expect, announcer, ring }: ApiParts,
): RefusalDependencies {
  const { config, cipher, now } = running;
  const { template, toleranceSeconds } = config.receive;
  return {
    db: operatorDb,
    cipher,
    keysOf: ring.keysOf,
    noteMatch: ring.noteMatch,
    knownSecrets: ring.knownSecrets,
    missingKeysOf: ring.missingKeysOf,
    template,
    encoding: config.receive.secretEncoding,
    toleranceSeconds,
    client: expect.client,
    dialect: config.vendor.dialect,
    catalogue: catalogueKinds(config.work.kindAliases, config.work.ignoredKinds),
    announce: (ids) => void announcer.announce(ids),
    now,
  };
}

function createSecretDependencies(running: Running, { operatorDb, ring }: ApiParts): SecretDependencies {
  const { config, cipher, now } = running;
  return {
    db: operatorDb,
    ring,
    cipher,
    encoding: config.receive.secretEncoding,
    template: config.receive.template,
    webhookUrl: () => config.vendor.webhookUrl ?? `${reachable(running.address ?? '')}/webhooks/ilive`,
    defaultAccount,
    quietMs: config.secretQuietMs,
    now,
  };
}

// The address that is listened on may stand for every address, which nobody can call.
function reachable(address: string): string {
  return address.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
}

type Look = Pick<
  StatusDependencies & DoctorDependencies,
  'db' | 'encryptionKeys' | 'listSecrets' | 'lookAtQueue' | 'lookAtReplicas' | 'lookAtVendor' | 'now'
>;

// By the machine's own clock: whether that is right is part of what is looked at.
function createLook(
  { config, clock }: Running,
  { operatorDb, reads, client, announcer, ring }: ApiParts,
): Look {
  const { apiUrl } = config.vendor;
  return {
    db: operatorDb,
    encryptionKeys: config.ledger.encryptionKeys,
    listSecrets: ring.list,
    lookAtQueue: announcer.inspect,
    lookAtReplicas: reads.lookAtReplicas,
    lookAtVendor: client && createVendorLook(apiUrl, client.key.lastRefusal, clock.wall),
    now: clock.wall,
  };
}

function createDoctorDependencies(
  { config }: Running,
  { commitDb, databaseUrl, reads }: ApiParts,
  {
    look,
    keyRing,
    secrets,
  }: { readonly look: Look; readonly keyRing: KeyRing; readonly secrets: SecretDependencies },
): DoctorDependencies {
  const { apiUrl, dialect, webhookUrl, apiKey } = config.vendor;
  const { redisUrl } = config.queue;
  return {
    ...look,
    lookAtDataDir: config.receive.outageStoreMaxBytes === 0 ? undefined : () => lookAtFolder(config.dataDir),
    outageMaxBytes: config.receive.outageStoreMaxBytes,
    bodiesKeepMs: config.bodiesKeepMs,
    sendProbe: () => sendProbe(secrets, { account: defaultAccount }),
    vendor: { apiUrl, dialect, webhookUrl, apiKey: apiKey && (() => apiKey.reveal()) },
    hasBootstrapKey: config.http.bootstrapKey !== undefined,
    hasMadeKeys: keyRing.hasKeys,
    connections: {
      commitDb,
      own: {
        role: config.role,
        processes: config.processes,
        poolMax: config.database.poolMax,
        isQueueInPostgres: redisUrl === undefined,
      },
      isDatabaseNear: isNear(databaseUrl),
      lookAtReplicaWires: reads.lookAtWires,
      redisUrl: redisUrl && (() => redisUrl.reveal()),
    },
  };
}
