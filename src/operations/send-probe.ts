// A delivery of our own, signed as iLive signs, sent through the real front door and followed until it is processed. It
// proves the address, what stands in front of it, the secret, the database and a worker at once. Its kind is ignored,
// and it counts as no sign that iLive uses the secret.
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Database } from '../db/connect.ts';
import { findDelivery } from '../db/find-deliveries.ts';
import { listPauses } from '../db/pauses.ts';
import { ServiceError } from '../errors.ts';
import type { DeliveryId } from '../events/event.ts';
import { kindField, probeKind, probeUserAgent } from '../ilive/payload.ts';
import { sign, type Template } from '../ilive/signature.ts';
import type { SecretRing } from './signing-secrets.ts';

export interface ProbeDependencies {
  readonly db: Database;
  readonly ring: SecretRing;
  readonly template: Template;
  /** Where deliveries of the default account go: PUBLIC_WEBHOOK_URL, or the service's own route. */
  readonly webhookUrl: () => string;
  readonly defaultAccount: string;
  readonly now: () => Date;
}

export interface Probe {
  readonly isOk: boolean;
  /** It was taken, and waits because somebody has paused processing. */
  readonly isPaused: boolean;
  /** The name of the secret that signed it. */
  readonly secret: string;
  readonly url: string;
  /** The answer's; null where there was none. */
  readonly status: number | null;
  readonly deliveryId: string | null;
  /** What became of it: `ignored` when all is well. */
  readonly state: string | null;
  readonly ms: number;
  /** What is wrong, in a sentence. */
  readonly problem: string | null;
}

const answerTimeoutMs = 10_000;
const processedTimeoutMs = 10_000;
const pausedLookMs = 2_000;
const pollMs = 50;

/** Sends one probe. Throws `not_found` for a secret that the account does not have; everything else is in the answer. */
export async function sendProbe(
  deps: ProbeDependencies,
  { account, secretName }: { readonly account: string; readonly secretName?: string | undefined },
): Promise<Probe> {
  const secrets = deps.ring.secretsOf(account);
  const chosen = secretName === undefined ? secrets.at(-1) : secrets.find(({ name }) => name === secretName);
  if (chosen === undefined) {
    const names = secrets.map(({ name }) => `"${name}"`).join(', ') || 'none';
    throw new ServiceError('not_found', `The account "${account}" has no such secret; it has: ${names}.`);
  }
  const url = account === deps.defaultAccount ? deps.webhookUrl() : `${deps.webhookUrl()}/${account}`;
  const now = deps.now();
  const body = Buffer.from(
    JSON.stringify({ [kindField]: probeKind, probe_id: randomUUID(), timestamp: now.toISOString() }),
  );
  const timestamp = Math.floor(now.getTime() / 1000);
  const signing = { key: chosen.key, template: deps.template, timestamp, webhookId: `probe-${randomUUID()}` };
  const startedAt = performance.now();
  const sent = await post(url, body, sign(body, signing));
  const { state, isPaused } =
    sent.problem === null ? await followDelivery(deps.db, sent.deliveryId) : { state: null, isPaused: false };
  const problem = sent.problem ?? problemOf(state, isPaused);
  const ms = Math.round(performance.now() - startedAt);
  return { ...sent, isOk: problem === null, isPaused, secret: chosen.name, url, state, ms, problem };
}

interface Sent {
  readonly status: number | null;
  readonly deliveryId: string | null;
  readonly problem: string | null;
}

async function post(url: string, body: Buffer, headers: Record<string, string>): Promise<Sent> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      signal: AbortSignal.timeout(answerTimeoutMs),
      headers: { ...headers, 'content-type': 'application/json', 'user-agent': probeUserAgent },
      body: new Uint8Array(body),
    });
    return readAnswer(response.status, await response.text());
  } catch (error) {
    const { name, cause, message } = error as Error & { cause?: { code?: string; message?: string } };
    const reason = name === 'TimeoutError' ? 'no answer in time' : (cause?.code ?? cause?.message ?? message);
    return { status: null, deliveryId: null, problem: `The address cannot be reached from here: ${reason}.` };
  }
}

function readAnswer(status: number, text: string): Sent {
  const answer = parse(text);
  const deliveryId = typeof answer.delivery_id === 'string' ? answer.delivery_id : null;
  if (status === 202 && deliveryId !== null) return { status, deliveryId, problem: null };
  const code = typeof answer.code === 'string' ? answer.code : null;
  return { status, deliveryId: null, problem: problemOfStatus(status, code) };
}

function problemOfStatus(status: number, code: string | null): string {
  if (status >= 300 && status < 400) return `It is redirected (${status}); iLive is not known to follow.`;
  if (status === 401 && code !== null) {
    const what = code.replaceAll('_', ' ');
    return `It was refused: ${what}. Something between changes it, or another installation answers there.`;
  }
  if (status === 404 || status === 405) return `Nothing takes deliveries at this path (${status}).`;
  if (status >= 500)
    return `The answer is ${status}: the service, or what stands in front of it, is in trouble.`;
  return `What answers there is not ilive-webhooks (status ${status}).`;
}

interface Followed {
  readonly state: string | null;
  readonly isPaused: boolean;
}

async function followDelivery(db: Database, id: string | null): Promise<Followed> {
  if (id === null) return { state: null, isPaused: false };
  const startedAt = performance.now();
  for (;;) {
    // One that is not there yet may be in an outage store, behind what came before it.
    const state = (await findDelivery(db, id as DeliveryId))?.state ?? 'unknown';
    const waitedMs = performance.now() - startedAt;
    if (state !== 'received' && state !== 'unknown') return { state, isPaused: false };
    // A pause may be a moment old, and not hold everywhere yet.
    const isPaused = state === 'received' && waitedMs > pausedLookMs && (await isProcessingPaused(db));
    if (isPaused || waitedMs > processedTimeoutMs) return { state, isPaused };
    await wait(pollMs);
  }
}

async function isProcessingPaused(db: Database): Promise<boolean> {
  return (await listPauses(db)).some(({ what }) => what === 'processing');
}

function problemOf(state: string | null, isPaused: boolean): string | null {
  if (isPaused) return 'It was taken, and waits: processing is paused.';
  if (state === 'ignored') return null;
  if (state === 'unknown') {
    return 'It was taken, and is not in our database: it waits in an outage store, or the address leads to another installation.';
  }
  if (state === 'received') return 'It was taken and not processed in time: is a worker running?';
  return `It was processed as ${state}, where it should have been ignored.`;
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
