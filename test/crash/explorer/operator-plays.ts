// What operators do in a round, beside the traffic: a second account whose deliveries come signed with a secret that is not
// known yet, or never will be; the rotation that brings it in; admitting what was refused, by its signature and by iLive's
// word; replaying everything. Each is asked for again until it is answered. It keeps what was acknowledged.
import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { sign, signingKey, type Template } from '../../../src/ilive/signature.ts';
import type { VendorApi } from '../../../src/simulator/api.ts';
import type { Random } from '../../../src/simulator/random.ts';
import type { Acknowledged } from './check-tables.ts';

export const secondAccount = 'second';
export const secondSecret = 'second-account-secret';
/** Parked, until a later start knows it; then a replay has something to mend. */
export const kindOfTomorrow = 'verdict.of.tomorrow';

export interface Asking {
  /** Undefined when nobody answered, or only that it cannot be done now. */
  ask(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    body?: object,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Asked | undefined>;
}

export interface Asked {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers of many shapes
  readonly body: any;
}

export interface OperatorOptions extends Asking {
  readonly url: URL;
  readonly template: Template;
  readonly vendor: VendorApi;
  readonly random: Random;
  readonly acknowledged: Acknowledged[];
  readonly signal: AbortSignal;
}

export interface PlayedOperator {
  stopActing(): void;
  /** Once nothing is killed any more: does to the end what was begun. Gives what is wrong, in sentences. */
  finish(): Promise<string[]>;
}

const lateSecret = 'late-second-account-secret';
const strangersSecret = 'a-secret-that-nobody-will-know';
const tickMs = 220;
const why = 'the crash explorer';
const verdicts = ['pass', 'fail', 'retry'] as const;

export function playOperator(options: OperatorOptions): PlayedOperator {
  const { ask, random } = options;
  let isStopped = false;
  let isRotated = false;
  const rotate = async () => {
    const answer = await ask('POST', '/v1/ops/secrets/begin-rotation', {
      account: secondAccount,
      name: 'late',
      secret: lateSecret,
      why,
    });
    isRotated ||= answer !== undefined && [201, 409].includes(answer.status);
  };
  const reverify = () => ask('POST', '/v1/ops/refusals/reverify', { account: secondAccount, why });
  const admit = () => ask('POST', '/v1/ops/refusals/admit', { account: secondAccount, why });
  const turns: readonly (() => Promise<unknown>)[] = [
    reverify,
    admit,
    async () => (isRotated ? finishRotation(ask) : rotate()),
    () => replayOnce(ask, random),
    () => ask('POST', '/v1/ops/replays', { filter: {}, dry_run: true, why }),
    () => createOne(ask, random),
    () => pauseAWhile(ask, random),
  ];
  const acting = (async () => {
    for (let tick = 1; !isStopped; tick += 1) {
      await sendOne(options);
      if (tick % 6 === 0) await turns[random.whole(0, turns.length - 1)]?.();
      await pause(tickMs);
    }
  })();
  acting.catch(() => {}); // looked at in `finish`
  return {
    stopActing: () => {
      isStopped = true;
    },
    finish: async () => {
      await acting;
      const until = async (work: () => Promise<boolean>) => {
        while (!(await work())) await pause(tickMs, undefined, { signal: options.signal });
      };
      for (const what of pausable)
        await until(async () => (await ask('POST', '/v1/ops/resume', { what, why }))?.status === 200);
      await until(async () => {
        if (!isRotated) await rotate();
        return isRotated;
      });
      // Receivers take a new secret within two seconds.
      await pause(2_500);
      await until(async () => (await reverify())?.status === 200);
      await until(async () => (await admit())?.status === 200);
      const again = await reverify();
      const left = again?.status === 200 ? again.body.admitted : 0;
      return left === 0 ? [] : [`${left} refusals could be admitted a second time`];
    },
  };
}

const pausable = ['processing', 'pulling'] as const;

async function pauseAWhile(ask: Asking['ask'], random: Random): Promise<void> {
  const what = random.pick(pausable);
  await ask('POST', '/v1/ops/pause', { what, why });
  await pause(random.whole(50, 600));
  await ask('POST', '/v1/ops/resume', { what, why });
}

async function replayOnce(ask: Asking['ask'], random: Random): Promise<void> {
  const begun = await ask('POST', '/v1/ops/replays', { filter: {}, confirm: 'all', why });
  if (begun?.status !== 201 || random.chance(0.6)) return;
  const id = begun.body.replay_id;
  await ask('POST', `/v1/ops/replays/${id}/pause`, { why });
  await ask('POST', `/v1/ops/replays/${id}/${random.chance(0.5) ? 'resume' : 'cancel'}`, { why });
}

// The one that was there before counts on, so this is refused, mostly.
function finishRotation(ask: Asking['ask']): Promise<unknown> {
  return ask('POST', '/v1/ops/secrets/finish-rotation', { account: secondAccount, quiet_seconds: 600, why });
}

/** Creates a session through the service, and asks for it again with the same key. */
async function createOne(ask: Asking['ask'], random: Random): Promise<void> {
  const wanted = { reference_id: `created-${random.whole(1, 1_000_000)}`, mode: 'passive' };
  const headers = { 'idempotency-key': randomUUID() };
  await ask('POST', '/v1/sessions', wanted, headers);
  if (random.chance(0.5)) await ask('POST', '/v1/sessions', wanted, headers);
}

async function sendOne({ url, template, vendor, random, acknowledged }: OperatorOptions): Promise<void> {
  const share = random.next();
  const secret = share < 0.5 ? lateSecret : share < 0.75 ? strangersSecret : secondSecret;
  const [sessionId, webhookId, referenceId] = [randomUUID(), randomUUID(), `second-${randomUUID()}`];
  const verdict = random.pick([...verdicts]);
  const atMs = Date.now() - 60_000;
  vendor.admitSession({ sessionId, referenceId, dialect: 'reference', truth: { verdict, confidence: 0.9 } });
  vendor.endSession(sessionId, atMs * 1000);
  const body = Buffer.from(
    JSON.stringify({
      event: random.chance(0.2) ? kindOfTomorrow : 'liveness.verdict',
      session_id: sessionId,
      verdict,
      confidence: 0.9,
      reference_id: referenceId,
      timestamp: `${new Date(atMs).toISOString().slice(0, -1)}000+00:00`,
    }),
  );
  const signed = sign(body, {
    key: signingKey(secret, 'utf8'),
    template,
    timestamp: Math.floor(Date.now() / 1000),
    webhookId,
  });
  const headers = { 'content-type': 'application/json', ...signed };
  const target = new URL(`${url.pathname}/${secondAccount}`, url);
  const answer = await fetch(target, {
    method: 'POST',
    headers,
    body,
    signal: AbortSignal.timeout(5_000),
  }).catch(() => undefined);
  const said = (await answer?.json().catch(() => undefined)) as { delivery_id?: string } | undefined;
  if (answer?.status === 202 && said?.delivery_id !== undefined)
    acknowledged.push({
      deliveryId: said.delivery_id,
      webhookId,
      bodySha256: createHash('sha256').update(body).digest('hex'),
    });
}
