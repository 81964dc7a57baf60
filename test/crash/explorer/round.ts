// One round: a fresh database, the service as one process or as two, seeded traffic and operators' actions, so many strikes,
// and then the look whether everything is as it must be. The seed decides what is sent, what is done and in which order; the
// moments are the machine's.
import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createCipher } from '../../../src/cipher.ts';
import { defaultTemplate } from '../../../src/ilive/signature.ts';
import { Secret } from '../../../src/secret.ts';
import { type Answer, deliver } from '../../../src/simulator/deliver.ts';
import { defaultShares } from '../../../src/simulator/faults.ts';
import type { Message } from '../../../src/simulator/message.ts';
import { createRandom, type Random } from '../../../src/simulator/random.ts';
import { planScenario, type Scenario } from '../../../src/simulator/scenario.ts';
import { createTestDatabase } from '../../support/database.ts';
import { findFreePort } from '../../support/free-port.ts';
import type { Acknowledged } from './check-tables.ts';
import { type Crew, createCrew, type PlaceName } from './crew.ts';
import { judgeRound } from './judge-round.ts';
import type { Lane } from './lane.ts';
import { type Asking, playOperator } from './operator-plays.ts';
import { refuseData } from './refused-data.ts';
import { kindOfTomorrow, secondAccount, secondSecret } from './second-account.ts';
import { strandSlots } from './stranded-slots.ts';
import { strikeAll } from './strike-loop.ts';
import { type PlayedVendor, playVendor } from './vendor-plays.ts';

export interface RoundResult {
  readonly seed: number;
  readonly strikes: readonly string[];
  readonly acknowledgedCount: number;
  /** Empty when everything is as it must be. */
  readonly differences: readonly string[];
}

const secret = 'crash-explorer-secret';
const apiKey = 'crash-explorer-key-0123456789';
const encryptionKey = Buffer.alloc(32, 'k').toString('base64');
const sessionCount = 900;
const ratePerSecond = 12;
const roundMaxMs = 90_000;
const roundDeadlineMs = 360_000;
const diskLimitBytes = 262_144;
const learnsAfterMs = 15_000;
const learnt = { ILIVE_KIND_ALIASES: JSON.stringify({ [kindOfTomorrow]: 'liveness.verdict' }) };

export async function runRound(lane: Lane, seed: number): Promise<RoundResult> {
  const stopped = new AbortController();
  const scene = await setScene(
    lane,
    seed,
    AbortSignal.any([stopped.signal, AbortSignal.timeout(roundDeadlineMs)]),
  );
  try {
    return await play(scene);
  } finally {
    stopped.abort();
    await scene.crew.kill();
    await scene.vendor.stop();
    await scene.database.drop();
    await rm(scene.dataDir, { recursive: true, force: true });
  }
}

interface Scene extends Asking {
  readonly lane: Lane;
  readonly seed: number;
  readonly random: Random;
  readonly scenario: Scenario;
  readonly database: { readonly url: string; drop(): Promise<void> };
  readonly dataDir: string;
  /** Where deliveries go. */
  readonly url: URL;
  readonly vendor: PlayedVendor;
  readonly crew: Crew;
  readonly signal: AbortSignal;
}

async function setScene(lane: Lane, seed: number, signal: AbortSignal): Promise<Scene> {
  const { stores, queue } = lane;
  const random = createRandom(seed, 'crash');
  const database = await createTestDatabase(stores.postgres.adminUrl);
  await refuseData(database.url);
  const dataDir = path.join(stores.dataRoot, `round-${seed}`);
  await mkdir(dataDir);
  const port = await findFreePort();
  const url = new URL(`http://127.0.0.1:${port}/webhooks/ilive`);
  const asking = createAsking(url, signal);
  const scenario = planScenario({
    seed,
    label: `${queue} ${seed}`,
    sessionCount,
    now: new Date(),
    faults: defaultShares,
    dropShare: 0.08,
    isLive: true,
  });
  const vendor = await playVendor(scenario, registerWith(asking), signal);
  const places: PlaceName[] = random.chance(0.5) ? ['all'] : ['receiver', 'worker'];
  const shared = {
    ...settings(lane, seed),
    CONFIRM: random.pick(['never', 'always']),
    DATA_DIR: dataDir,
    DATABASE_URL: wired(database.url, stores.postgresWire.port),
    ILIVE_API_URL: vendor.api.url,
    ILIVE_API_KEY: vendor.api.apiKey,
  };
  const beganMs = performance.now();
  const crew = createCrew(places, lane.warm, (place) => ({
    ...shared,
    ...(performance.now() - beganMs > learnsAfterMs ? learnt : {}),
    ROLE: place,
    PORT: place === 'worker' ? '0' : String(port),
  }));
  return { ...asking, lane, seed, random, scenario, database, dataDir, url, vendor, crew, signal };
}

async function play(scene: Scene): Promise<RoundResult> {
  const { lane, seed, random, scenario, database, url, vendor, crew, signal, ask } = scene;
  if (random.chance(0.6)) await crew.listening();
  const acknowledged: Acknowledged[] = [];
  const actor = createRandom(seed, 'operator');
  const operator = playOperator({
    ask,
    url,
    template: defaultTemplate,
    vendor: vendor.api,
    random: actor,
    acknowledged,
    signal,
  });
  const stranding = {
    dataDir: scene.dataDir,
    template: defaultTemplate,
    vendor: vendor.api,
    acknowledged,
  };
  const stranded = strandSlots({ ...stranding, random: createRandom(seed, 'stranded') });
  const beganMs = performance.now();
  let isSent = false;
  const sending = deliver(scenario.messages, {
    url,
    signing: { keys: [Buffer.from(secret)], template: defaultTemplate },
    ratePerSecond,
    concurrency: 24,
    retryDelayMs: 600,
    timeoutMs: 8_000,
    signal,
    prepare: vendor.prepare,
    isOver: vendor.isOver,
    onAnswer: keepAcknowledged(scenario.messages, acknowledged),
  }).finally(() => {
    isSent = true;
  });
  sending.catch(() => {}); // looked at below
  const isOver = () => isSent || performance.now() - beganMs > roundMaxMs;
  const strikes = await strikeAll({ ...scene, hasOutages: random.chance(0.5), isOver });
  vendor.stopSending();
  operator.stopActing();
  await stranded.stop();
  const answers = await sending;
  const counts = new Uint32Array(lane.packed.points.length * 3);
  const differences = await judgeRound({
    ...scene,
    operator,
    stranded,
    answers,
    acknowledged,
    databaseUrl: database.url,
    cipher: createCipher([{ id: 'crash', key: new Secret(encryptionKey) }]),
    startedAt: scenario.plannedAt,
    api: { url: url.origin, key: new Secret(apiKey), signal },
    onSettled: () => crew.collectHits(counts),
  });
  lane.tally.addHits(lane.queue, counts);
  return { seed, strikes, acknowledgedCount: acknowledged.length, differences };
}

function settings(lane: Lane, seed: number): Record<string, string> {
  const { stores } = lane;
  return {
    HOST: '127.0.0.1',
    ...(stores.redis === undefined
      ? {}
      : { REDIS_URL: `redis://127.0.0.1:${stores.redis.wire.port}`, QUEUE_PREFIX: `crash-${seed}` }),
    ...(stores.isDiskOwn ? {} : { OUTAGE_STORE_MAX_BYTES: String(diskLimitBytes) }),
    ILIVE_WEBHOOK_SECRETS: secret,
    ILIVE_WEBHOOK_SECRETS_BY_ACCOUNT: JSON.stringify({ [secondAccount]: [secondSecret] }),
    BOOTSTRAP_API_KEY: apiKey,
    ENCRYPTION_KEYS: `crash:${encryptionKey}`,
    API_RATE_PER_MINUTE: '0',
    PROCESS_MAX_ATTEMPTS: '2', // so that what fails on purpose is parked before the round is judged
    // Never reached, so that the budget is asked for and nobody waits for it.
    ILIVE_RATE_PER_MINUTE: '60000',
    ILIVE_RATE_PER_SECOND: '1000',
    ...(seed % 3 === 0 ? { REFUSALS_MAX_COUNT: '12' } : {}),
    PULL_FIRST_AFTER_SECONDS: '1',
    PULL_INTERVAL_MS: '400',
    PULL_LEASE_SECONDS: '12',
    ILIVE_RESPONSE_TIMEOUT_SECONDS: '2',
    SWEEP_INTERVAL_SECONDS: '1',
    SWEEP_OVERDUE_SECONDS: '1',
    COMMIT_TIMEOUT_SECONDS: '2',
    SHUTDOWN_GRACE_SECONDS: '10',
    DATABASE_POOL_MAX: '3',
    PUBLIC_WEBHOOK_URL: 'https://crash.example.com/webhooks/ilive',
  };
}

function wired(databaseUrl: string, port: number): string {
  const url = new URL(databaseUrl);
  url.port = String(port);
  return url.href;
}

function registerWith({ ask }: Asking): (sessionId: string, referenceId: string) => Promise<boolean> {
  return async (sessionId, referenceId) => {
    const answer = await ask('PUT', `/v1/sessions/${sessionId}`, { reference_id: referenceId });
    if (answer === undefined) return false;
    if (answer.status === 200 || answer.status === 201) return true;
    throw new Error(`registering a session was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  };
}

function createAsking(url: URL, signal: AbortSignal): Asking {
  return {
    ask: async (method, pathname, body, headers) => {
      try {
        const response = await fetch(new URL(pathname, url.origin), {
          method,
          headers: {
            authorization: `Bearer ${apiKey}`,
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            ...headers,
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          signal: AbortSignal.any([signal, AbortSignal.timeout(15_000)]),
        });
        const said: unknown = await response.json();
        return response.status >= 500 ? undefined : { status: response.status, body: said };
      } catch {
        signal.throwIfAborted();
        await pause(50);
        return undefined;
      }
    },
  };
}

function keepAcknowledged(
  messages: readonly Message[],
  acknowledged: Acknowledged[],
): (answer: Answer) => void {
  const messageOf = new Map(messages.map((message) => [message.index, message]));
  return ({ message: index, result }) => {
    const message = messageOf.get(index);
    if (result.outcome !== 'accepted' || message === undefined) return;
    const { webhookId, sentBody } = message;
    const bodySha256 = createHash('sha256').update(sentBody).digest('hex');
    acknowledged.push({ deliveryId: result.deliveryId, webhookId, bodySha256 });
  };
}
