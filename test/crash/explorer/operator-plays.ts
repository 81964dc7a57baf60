// What operators do in a round, beside the traffic: a second account whose deliveries come signed with a secret that is not
// known yet, or never will be; the rotation that brings it in, and its end; admitting what was refused, by its signature and
// by iLive's word; replaying everything; calls of iLive's that go wrong. Most are asked for again and again. It keeps what was
// acknowledged.
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Template } from '../../../src/ilive/signature.ts';
import type { VendorApi } from '../../../src/simulator/api.ts';
import type { Random } from '../../../src/simulator/random.ts';
import type { Acknowledged } from './check-tables.ts';
import {
  acknowledge,
  admitSubject,
  fates,
  kindOfTomorrow,
  type Subject,
  secondAccount,
  secondSecret,
  writeDelivery,
} from './second-account.ts';

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
const ticksPerTurn = 4;
// From then on the old secret is not used any more.
const quietAfterMs = 25_000;
// Of the deliveries, those that Postgres may not have as data.
const fateShare = 0.3;
const why = 'the crash explorer';

export function playOperator(options: OperatorOptions): PlayedOperator {
  const { ask, random, vendor } = options;
  const quietAt = performance.now() + quietAfterMs;
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
    () => ask('POST', '/v1/ops/replays', { filter: { account: secondAccount }, dry_run: true, why }),
    () => createOne(ask, random),
    () => pauseAWhile(ask, random),
    () => purgeSome(ask),
    () => registerUnknown(ask),
    async () => vendor.answerNext(random.pick(vendorTroubles), { operation: 'result' }),
  ];
  const acting = (async () => {
    let last: Subject | undefined;
    for (let tick = 1; !isStopped; tick += 1) {
      last = await sendOne(options, isRotated && performance.now() > quietAt, last);
      if (tick % ticksPerTurn === 0) await turns[random.whole(0, turns.length - 1)]?.();
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
  await ask('GET', `/v1/ops/replays/${id}`);
  await ask('POST', `/v1/ops/replays/${id}/pause`, { why });
  await ask('POST', `/v1/ops/replays/${id}/${random.chance(0.5) ? 'resume' : 'cancel'}`, { why });
}

const vendorTroubles = ['rate_limited', 'internal_error'] as const;

// Of the deliveries of strangers, which nothing admits but iLive's word.
function purgeSome(ask: Asking['ask']): Promise<unknown> {
  const to = new Date(Date.now() - 20_000).toISOString();
  return ask('POST', '/v1/ops/refusals/purge', { account: secondAccount, to, why });
}

// iLive does not know it, and says so when it is asked.
function registerUnknown(ask: Asking['ask']): Promise<unknown> {
  return ask('PUT', `/v1/sessions/${randomUUID()}`, { account: secondAccount });
}

// The one that was there before counts on for a while, so at first this is refused.
function finishRotation(ask: Asking['ask']): Promise<unknown> {
  return ask('POST', '/v1/ops/secrets/finish-rotation', { account: secondAccount, quiet_seconds: 1, why });
}

/** Creates a session through the service, and asks for it again with the same key. */
async function createOne(ask: Asking['ask'], random: Random): Promise<void> {
  const wanted = { reference_id: `created-${random.whole(1, 1_000_000)}`, mode: 'passive' };
  const headers = { 'idempotency-key': randomUUID() };
  await ask('POST', '/v1/sessions', wanted, headers);
  if (random.chance(0.5)) await ask('POST', '/v1/sessions', wanted, headers);
}

async function sendOne(
  options: OperatorOptions,
  isRotated: boolean,
  last: Subject | undefined,
): Promise<Subject> {
  const { url, template, vendor, random, acknowledged } = options;
  const share = random.next();
  // The old one is not used for ever, so that its rotation can end.
  const secret =
    share < 0.5 ? lateSecret : share < 0.75 ? strangersSecret : isRotated ? lateSecret : secondSecret;
  // What cannot be stored must not be refused at first: admitting it would be refused for ever.
  const fate = random.chance(fateShare) ? random.pick(fates) : 'plain';
  const prefix = fate === 'unstorable' && secret !== secondSecret ? 'plain' : fate;
  // Now and then again about one that may be known, and refused this time.
  const isAgain = last !== undefined && secret === strangersSecret && random.chance(0.3);
  const subject = isAgain ? last : admitSubject(vendor, random, prefix);
  const kind = random.chance(0.2) ? kindOfTomorrow : 'liveness.verdict';
  const written = writeDelivery(subject, { kind, secret, template, prefix });
  const answer = await fetch(new URL(`${url.pathname}/${secondAccount}`, url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...written.headers },
    body: written.body,
    // Some hang up before they are answered.
    signal: AbortSignal.timeout(random.chance(0.1) ? 150 : 5_000),
  }).catch(() => undefined);
  const said = (await answer?.json().catch(() => undefined)) as { delivery_id?: string } | undefined;
  if (answer?.status === 202 && said?.delivery_id !== undefined)
    acknowledged.push(acknowledge(said.delivery_id, written));
  return subject;
}
