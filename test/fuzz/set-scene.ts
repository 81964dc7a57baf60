// What the fuzzer finds when it comes: a delivery of each kind, a refusal, a replay and a key of each role, so that its requests
// to the API have something to be about.
import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { createPost } from '../../bench/signed-post.ts';
import { keyBytes } from '../../src/cipher.ts';
import { roleNames } from '../../src/db/schema-operations.ts';
import type { SignedDelivery } from './talk.ts';

export interface Scene {
  readonly keys: Readonly<Record<string, string>>;
  readonly known: Readonly<Record<string, readonly string[]>>;
  readonly signed: readonly SignedDelivery[];
}

/** What the service has to be set to, so that a client which asks as fast as it can is answered and never has to wait long. */
export const sceneSettings = {
  ENCRYPTION_KEYS: `one:${Buffer.alloc(keyBytes, 7).toString('base64')}`,
  API_RATE_PER_MINUTE: '0',
  API_UNKNOWN_KEYS_PER_MINUTE: '0',
  WAIT_MAX_SECONDS: '1',
} as const;

const why = 'a test';
const tries = 100;
const tryMs = 100;

interface Json {
  readonly [name: string]: string;
}

export async function setScene(address: string, secret: string, adminKey: string): Promise<Scene> {
  const ask = async (method: string, path: string, body?: object) => {
    const response = await fetch(new URL(path, address), {
      method,
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return (await response.json()) as Json & { data?: readonly Json[] };
  };
  const firstOf = async (path: string) => {
    for (let count = 0; count < tries; count += 1) {
      const [first] = (await ask('GET', path)).data ?? [];
      if (first !== undefined) return first;
      await wait(tryMs);
    }
    throw new Error(`nothing came to ${path}`);
  };
  const post = createPost(address, secret);
  const about = { session_id: 'known-session', reference_id: 'anna' };
  const at = '2026-04-11T09:30:12.456789+00:00';
  const payloads = [
    { event: 'liveness.verdict', verdict: 'pass', confidence: 0.9, timestamp: at, ...about },
    { event: 'face.matched', match_id: 'm-1', similarity: 0.5, ...about },
    { event: 'compliance.alert', alert_id: 'a-1', severity: 'low', ...about },
  ];
  const signed: SignedDelivery[] = [];
  for (const [place, payload] of payloads.entries()) {
    const body = Buffer.from(JSON.stringify(payload));
    await post(body, `scene-${place}`);
    signed.push({
      webhookId: `scene-${place}`,
      sha256: createHash('sha256').update(body).digest('hex'),
    });
  }
  await createPost(address, 'another secret')(Buffer.from('{}'), 'scene-refused');
  await firstOf('/v1/compliance-alerts');
  const made = await Promise.all(
    roleNames.map(async (role) => {
      const { key = '' } = await ask('POST', '/v1/ops/keys', { name: `a ${role}`, role, why });
      return [role, key] as const;
    }),
  );
  const spare = await ask('POST', '/v1/ops/keys', { name: 'spare', role: 'reader', why });
  const { delivery_id: deliveryId = '' } = await firstOf('/v1/deliveries?limit=1');
  const replay = await ask('POST', '/v1/ops/replays', { ids: [deliveryId], why });
  const { refusal_id: refusalId = '' } = await firstOf('/v1/ops/refusals');
  return {
    signed,
    keys: Object.fromEntries(made),
    known: {
      why: [why],
      wait: ['0s', '1s', '100ms'],
      account: ['default'],
      session_id: ['known-session'],
      reference_id: ['anna'],
      key_id: [spare.key_id ?? ''],
      delivery_id: [deliveryId],
      match_id: ['m-1'],
      alert_id: ['a-1'],
      ids: [deliveryId],
      session_ids: ['known-session'],
      replay_id: [replay.replay_id ?? ''],
      refusal_id: [refusalId],
    },
  };
}
