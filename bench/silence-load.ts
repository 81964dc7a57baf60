// New sessions at an even pace of simulated time, whatever the answers take: through the service, or created by another
// service of the same company and registered with ours. Nobody waits for one session before the next begins.
import { setTimeout as wait } from 'node:timers/promises';
import type { SilenceOptions } from './silence-options.ts';
import type { Stage } from './silence-stage.ts';

export interface Load {
  readonly sessionCount: number;
  /** From the wish for a session to the service's answer, in simulated milliseconds. */
  readonly answerMs: readonly number[];
  /** Answers other than the one that was wanted, counted by what they say. */
  readonly failures: ReadonlyMap<string, number>;
}

const pauseMs = 4;
/** What the calls of the other service are known by in iLive's log. */
export const otherAgent = 'another-service';

/** Creates them all; resolves once the last is answered. `onProgress` hears how many have been begun. */
export async function createSessions(
  stage: Stage,
  options: SilenceOptions,
  signal: AbortSignal,
  onProgress: (begunCount: number) => void,
): Promise<Load> {
  const { clock } = stage.vendor;
  const { rate, minutes, isRegistering } = options;
  const sessionCount = Math.round(rate * minutes * 60);
  const answerMs: number[] = [];
  const failures = new Map<string, number>();
  const startedMs = clock.now();
  const begin = async (index: number) => {
    const begunMs = clock.now();
    try {
      await (isRegistering ? registerOne(stage, options, index) : createOne(stage, index));
      answerMs.push(clock.now() - begunMs);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      failures.set(message, (failures.get(message) ?? 0) + 1);
    }
  };
  const underWay: Promise<void>[] = [];
  while (underWay.length < sessionCount) {
    const dueCount = Math.min(sessionCount, 1 + Math.floor(((clock.now() - startedMs) / 1_000) * rate));
    while (underWay.length < dueCount) underWay.push(begin(underWay.length));
    onProgress(underWay.length);
    await wait(pauseMs, undefined, { signal });
  }
  await Promise.all(underWay);
  return { sessionCount, answerMs, failures };
}

async function createOne({ serviceUrl, serviceKey }: Stage, index: number): Promise<void> {
  await send(`${serviceUrl}/v1/sessions`, 'POST', serviceKey, { reference_id: `user-${index}` });
}

async function registerOne(stage: Stage, { dialect }: SilenceOptions, index: number): Promise<void> {
  const [path, fields] =
    dialect === 'reference'
      ? (['/v1/liveness/sessions', { user_id: `user-${index}` }] as const)
      : (['/api/v1/managed-session', { reference_id: `user-${index}` }] as const);
  const created = await send(`${stage.vendor.url}${path}`, 'POST', stage.unlimitedKey, fields);
  const { session_id: sessionId, token, expires_at: expiresAt } = created;
  const known = { reference_id: `user-${index}`, expires_at: expiresAt };
  await send(
    `${stage.serviceUrl}/v1/sessions/${sessionId}`,
    'PUT',
    stage.serviceKey,
    dialect === 'reference' ? known : { ...known, token },
  );
}

async function send(
  url: string,
  method: 'POST' | 'PUT',
  key: string,
  fields: object,
): Promise<Readonly<Record<string, string>>> {
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'user-agent': otherAgent },
    body: JSON.stringify(fields),
  });
  const body = await response.text();
  if (response.status !== 201) throw new Error(`${method} was answered with ${response.status}: ${body}`);
  return JSON.parse(body);
}
