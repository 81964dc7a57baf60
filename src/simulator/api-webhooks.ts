// The pretend vendor's own webhooks: when a session has ended, a signed `liveness.verdict` goes to where the session asked
// for it. At most two attempts, the second after a 5xx or a network error and with the very same headers, and then it is
// dropped for good. What became of each is kept for whoever checks a run.
import { randomUUID } from 'node:crypto';
import { type VendorClock, waitBy } from './api-clock.ts';
import { stateOf, type VendorSession } from './api-sessions.ts';
import type { Signing } from './deliver.ts';
import { plainStyle, writePayload } from './payload.ts';
import { type Attempt, attemptTwice, createAgent, isRetried, post, writeHeaders } from './post.ts';

export interface SentWebhook {
  readonly sessionId: string;
  readonly webhookId: string;
  readonly fate: 'dropped' | 'delivered' | 'refused' | 'lost' | 'nowhere_to_go';
  readonly attempts: readonly Attempt[];
  /** By the vendor's clock. */
  readonly atMs: number;
}

export interface WebhookRules {
  readonly signing: Signing;
  readonly retryDelayMs: number;
  readonly timeoutMs: number;
  /** Where a webhook for this URL goes; null for a session that named none. Undefined: nowhere. */
  readonly resolve: (webhookUrl: string | null) => URL | undefined;
  /** The signer's clock, Unix milliseconds. */
  readonly signingNow: () => number;
}

/** Sends what is planned for a session that has ended; gives one entry for each copy. Never rejects. */
export async function sendWebhooks(
  session: VendorSession,
  isLegacy: boolean,
  { rules, clock, signal }: { rules: WebhookRules; clock: VendorClock; signal: AbortSignal },
): Promise<SentWebhook[]> {
  const { webhook } = session.plan;
  const entry = { sessionId: session.sessionId, webhookId: randomUUID(), attempts: [] };
  try {
    if (webhook.delayMs > 0) await waitBy(clock, webhook.delayMs, signal);
    if (webhook.isDropped) return [{ ...entry, fate: 'dropped', atMs: clock.now() }];
    const url = rules.resolve(session.webhookUrl);
    if (url === undefined) return [{ ...entry, fate: 'nowhere_to_go', atMs: clock.now() }];
    const body = writeBody(session, clock.now());
    const { keys, template } = rules.signing;
    const timestamp = Math.floor(rules.signingNow() / 1000);
    const signed = { key: keys[0], template, timestamp, webhookId: entry.webhookId };
    const headers = writeHeaders(body, webhook.isSigned && !isLegacy ? signed : undefined);
    const copies = Array.from({ length: webhook.copies }, async (): Promise<SentWebhook> => {
      const attempts = await attempt(url, headers, body, { rules, clock, signal });
      return { ...entry, attempts, fate: fateOf(attempts.at(-1)), atMs: clock.now() };
    });
    return await Promise.all(copies);
  } catch {
    return []; // the API was stopped in the middle of it
  }
}

function writeBody({ sessionId, referenceId, plan, endsAtMicros }: VendorSession, nowMs: number): Buffer {
  const verdict = plan.webhook.verdict ?? plan.verdict;
  const statement = {
    kind: 'verdict' as const,
    sessionId,
    referenceId,
    verdict,
    confidence: plan.confidence,
    atMicros: endsAtMicros ?? nowMs * 1000,
  };
  return Buffer.from(writePayload(statement, plainStyle));
}

async function attempt(
  url: URL,
  headers: Record<string, string>,
  body: Buffer,
  { rules, clock, signal }: { rules: WebhookRules; clock: VendorClock; signal: AbortSignal },
): Promise<Attempt[]> {
  const agent = createAgent(url, 1);
  try {
    return await attemptTwice(
      () => post({ url, headers, body, transport: 'whole', agent, timeoutMs: rules.timeoutMs, signal }),
      () => waitBy(clock, rules.retryDelayMs, signal),
    );
  } finally {
    agent.destroy();
  }
}

function fateOf(last: Attempt | undefined): SentWebhook['fate'] {
  if (last === undefined || isRetried(last)) return 'lost';
  return last.status < 300 ? 'delivered' : 'refused';
}

/** Calls `onEnd` once the session has ended, if it ever does. The answer takes the order back. */
export function watchEnd(session: VendorSession, clock: VendorClock, onEnd: () => void): () => void {
  if (session.endsAtMicros === null) return () => {};
  return clock.at(Math.ceil(session.endsAtMicros / 1000), () => {
    if (stateOf(session, clock.now()) === 'completed') onEnd();
  });
}
