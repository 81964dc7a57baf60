// Whether the configuration and what surrounds the service are fit for traffic, before any comes. Each check is a plain
// function of what was looked at, and each finding says how to mend it. A check that cannot be made is a finding, never an
// error of the whole.
import type { Queries } from '../db/connect.ts';
import { countProcesses, readCommitSetting, readWire } from '../db/connection-facts.ts';
import { findOldestDayEnd } from '../db/drop-bodies.ts';
import { readOwnSchema } from '../db/migration-files.ts';
import type { ReplicaSight } from '../db/read-replicas.ts';
import { type PostgresFacts, readPostgresFacts } from '../db/server-facts.ts';
import { readRefusalFigures, readServerFigures } from '../db/status.ts';
import { networkCodeOf } from '../ilive/call.ts';
import { type DialectAnswer, detectDialects } from '../ilive/detect-dialect.ts';
import type { DialectName } from '../ilive/dialects.ts';
import type { FolderSight } from '../outage/look-at-folder.ts';
import type { QueueFacts } from '../queue-facts.ts';
import { findKeysToCarry } from './audit-keys.ts';
import { checkBodies } from './doctor-bodies.ts';
import {
  checkCommit,
  checkConnections,
  checkRedisWire,
  checkVendorWire,
  checkWire,
  type OwnStart,
  type StoreWire,
} from './doctor-connections.ts';
import { checkOutageStore } from './doctor-outage.ts';
import {
  checkApiKeys,
  checkPostgres,
  checkQueue,
  checkRefusals,
  checkReplicas,
  checkSchema,
  checkServerClock,
} from './doctor-stores.ts';
import { checkVendorClock, checkWebhookAnswer, checkWebhookUrl } from './doctor-way-in.ts';
import { type Finding, finding } from './finding.ts';
import { explainTrouble, type VendorSight } from './look-at-vendor.ts';
import type { Problem } from './problem.ts';
import { checkSeals, judgingOf, lookAtSeals, type SealDependencies } from './sealed.ts';
import type { Probe } from './send-probe.ts';
import { keyProblem } from './vendor-key.ts';

export interface DoctorDependencies extends SealDependencies {
  readonly lookAtQueue: () => Promise<QueueFacts>;
  readonly lookAtReplicas: () => readonly ReplicaSight[];
  readonly lookAtVendor: (() => Promise<VendorSight>) | undefined;
  /** The file system under the outage store; undefined where there is none. */
  readonly lookAtDataDir: (() => Promise<FolderSight>) | undefined;
  readonly outageMaxBytes: number;
  /** How long bodies are kept; 0 for ever. */
  readonly bodiesKeepMs: number;
  readonly sendProbe: () => Promise<Probe>;
  readonly vendor: {
    readonly apiUrl: string;
    /** Undefined where none is configured. */
    readonly apiKey: (() => string) | undefined;
    readonly dialect: DialectName;
    readonly webhookUrl: string | undefined;
  };
  readonly hasBootstrapKey: boolean;
  readonly hasMadeKeys: () => boolean;
  readonly connections: {
    /** The pool that records deliveries. */
    readonly commitDb: Queries;
    readonly own: OwnStart;
    /** By its address Postgres is on this machine. */
    readonly isDatabaseNear: boolean;
    readonly lookAtReplicaWires: () => Promise<readonly StoreWire[]>;
    readonly redisUrl: (() => string) | undefined;
  };
  readonly now: () => Date;
}

const answerMs = 5_000;

/** Makes all checks at once; `isProbing` sends a delivery of our own through the front door as well. */
export async function examine(
  deps: DoctorDependencies,
  { isProbing }: { readonly isProbing: boolean },
): Promise<Finding[]> {
  const { db, vendor, now } = deps;
  const facts = readPostgresFacts(db, now());
  const groups: readonly [string, () => Promise<Finding[]>][] = [
    ['postgres', async () => checkPostgres(await facts)],
    ['postgres commit', async () => [checkCommit(await readCommitSetting(deps.connections.commitDb))]],
    ['postgres connections', () => examineConnections(deps, facts)],
    ['encryption of connections', () => examineWires(deps)],
    ['schema', async () => checkSchema(await facts, await readOwnSchema())],
    ['bodies', async () => [checkBodies(await findOldestDayEnd(db), deps.bodiesKeepMs, now())]],
    ['replicas', async () => checkReplicas(deps.lookAtReplicas())],
    ['queue', async () => checkQueue(await deps.lookAtQueue())],
    ['clock', async () => [checkServerClock(now().getTime(), (await readServerFigures(db)).clock)]],
    ['refusals', async () => [await examineRefusals(deps)]],
    ['encryption', () => examineSeals(deps)],
    ['API keys', async () => [checkApiKeys({ ...deps, hasMadeKeys: deps.hasMadeKeys() })]],
    ['outage store', async () => checkOutageStore(await deps.lookAtDataDir?.(), deps.outageMaxBytes)],
    ['ilive', () => examineVendor(deps)],
    ['webhook address', () => examineAddress(vendor.webhookUrl)],
    ['probe', async () => (isProbing ? [checkProbe(await deps.sendProbe())] : [])],
  ];
  const found = await Promise.all(
    groups.map(([name, check]) =>
      check().catch((error: unknown) => [
        finding(
          name,
          'error',
          `could not be checked: ${error instanceof Error ? error.message : error}`,
          null,
        ),
      ]),
    ),
  );
  return found.flat();
}

async function examineConnections(
  { db, connections }: DoctorDependencies,
  facts: Promise<PostgresFacts>,
): Promise<Finding[]> {
  const [{ settings }, processes] = await Promise.all([facts, countProcesses(db)]);
  return [checkConnections({ settings, processes }, connections.own)];
}

async function examineWires({ db, connections }: DoctorDependencies): Promise<Finding[]> {
  const { isDatabaseNear: isNear, lookAtReplicaWires, redisUrl } = connections;
  const [wire, replicas] = await Promise.all([readWire(db), lookAtReplicaWires()]);
  const stores = [{ check: 'postgres encryption', isNear, wire }, ...replicas];
  return [...stores.flatMap(checkWire), ...checkRedisWire(redisUrl?.())];
}

async function examineSeals(deps: DoctorDependencies): Promise<Finding[]> {
  return checkSeals(
    ...(await Promise.all([lookAtSeals(deps), findKeysToCarry(deps.db, deps.encryptionKeys)])),
  );
}

async function examineRefusals(deps: DoctorDependencies): Promise<Finding> {
  const now = deps.now();
  const [figures, seals] = await Promise.all([readRefusalFigures(deps.db, now), lookAtSeals(deps)]);
  return checkRefusals(figures, judgingOf(seals), now);
}

async function examineVendor({ vendor, lookAtVendor, now }: DoctorDependencies): Promise<Finding[]> {
  const { apiKey, apiUrl, dialect } = vendor;
  if (apiKey === undefined || lookAtVendor === undefined) {
    const advice = 'set ILIVE_API_KEY: without it a verdict whose webhook is lost cannot be pulled';
    return [finding('ilive', 'warning', 'ILIVE_API_KEY is not set', advice)];
  }
  const wire = checkVendorWire(apiUrl);
  const sight = await lookAtVendor();
  if (!sight.isReachable) {
    const { what, advice } = explainTrouble(sight.trouble ?? 'connection_failed');
    return [...wire, finding('ilive', 'error', `nothing answers at ${apiUrl}: ${what}`, advice)];
  }
  const answers = await detectDialects({ baseUrl: apiUrl, apiKey, timeoutMs: answerMs });
  return [
    ...wire,
    finding('ilive', 'ok', `answers at ${apiUrl} within ${sight.ms} ms`, null),
    checkVendorClock(sight.aheadMs),
    checkDialect(answers, dialect),
    ...checkKey(keyProblem(sight.keyRefusal, now())),
  ];
}

function checkKey(refused: Problem | undefined): Finding[] {
  return refused === undefined ? [] : [finding('ilive key', refused.level, refused.message, refused.advice)];
}

function checkDialect(
  answers: Readonly<Record<DialectName, DialectAnswer>>,
  configured: DialectName,
): Finding {
  const other = configured === 'reference' ? 'managed' : 'reference';
  const own = answers[configured];
  if (own?.isOfKey) {
    const message = `iLive refuses ILIVE_API_KEY (${own.code})`;
    return finding('dialect', 'error', message, 'set a key that is valid at iLive');
  }
  if (own !== undefined) {
    return finding('dialect', 'ok', `iLive answers to the ${configured} dialect (${own.code})`, null);
  }
  if (answers[other] !== undefined) {
    const message = `iLive answers to the ${other} dialect and not to the ${configured} one`;
    return finding('dialect', 'error', message, `set ILIVE_DIALECT=${other}`);
  }
  const advice = 'see "Which dialect" in the runbook; the first session that is finished will tell';
  return finding('dialect', 'warning', 'could not tell which dialect iLive answers to', advice);
}

async function examineAddress(webhookUrl: string | undefined): Promise<Finding[]> {
  const findings = checkWebhookUrl(webhookUrl);
  if (webhookUrl === undefined) return findings;
  const init = { redirect: 'manual', signal: AbortSignal.timeout(answerMs) } as const;
  const answer = await fetch(webhookUrl, init)
    .then(async (response) => ({ status: response.status, text: await response.text() }))
    .catch(networkCodeOf);
  return [...findings, checkWebhookAnswer(webhookUrl, answer)];
}

function checkProbe({ isOk, isPaused, url, ms, secret, problem }: Probe): Finding {
  if (isOk) {
    const message = `a delivery signed with "${secret}" came in at ${url} and was processed within ${ms} ms`;
    return finding('probe', 'ok', message, null);
  }
  const sentence = (problem ?? 'it failed').replace(/\.$/, '');
  const advice = isPaused
    ? "ilive-webhooks resume processing --why '…'"
    : 'see that this address leads here, with its bytes unchanged, and that a worker runs';
  return finding(
    'probe',
    isPaused ? 'warning' : 'error',
    `a delivery of our own, sent to ${url}: ${sentence}`,
    advice,
  );
}
