// The sender who does nothing wrong, in a process of its own: true deliveries at a steady pace, whether or not those before are
// answered, over connections that stay open. It tells how long each took while it was alone and while it was not, and what it has
// sent, so that the database can be looked at afterwards.
import { createHash, randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { defaultTemplate, sign, signingKey } from '../../src/ilive/signature.ts';
import type { SignedDelivery } from './talk.ts';

export interface CleanJob {
  readonly url: string;
  readonly secret: string;
  readonly perSecond: number;
}

export type CleanAsked = { readonly job: CleanJob } | { readonly phase: Phase } | { readonly stop: true };

/** `between` is not measured: the moment in which one phase becomes the other. */
export type Phase = 'alone' | 'beside' | 'between';

export interface CleanResult {
  readonly alone: readonly number[];
  readonly beside: readonly number[];
  /** Answers other than 202 by status, 0 for a connection that broke. */
  readonly otherStatuses: Readonly<Record<string, number>>;
  readonly signed: readonly SignedDelivery[];
  readonly acceptedIds: readonly string[];
}

const timeoutMs = 30_000;

function startSending({ url, secret, perSecond }: CleanJob) {
  const key = signingKey(secret, 'utf8');
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const latenciesMs: Record<Phase, number[]> = { alone: [], beside: [], between: [] };
  const otherStatuses: Record<string, number> = {};
  const signed: SignedDelivery[] = [];
  const acceptedIds: string[] = [];
  const underWay = new Set<Promise<void>>();
  let phase: Phase = 'between';
  const send = async () => {
    const body = Buffer.from(
      JSON.stringify({
        event: 'liveness.verdict',
        session_id: randomUUID(),
        verdict: 'pass',
        confidence: 0.9,
        reference_id: `clean-${signed.length}`,
        timestamp: new Date().toISOString(),
      }),
    );
    const webhookId = `clean-${randomUUID()}`;
    const timestamp = Math.floor(Date.now() / 1000);
    const headers = sign(body, { key, template: defaultTemplate, timestamp, webhookId });
    signed.push({ webhookId, sha256: createHash('sha256').update(body).digest('hex') });
    const sentIn = phase;
    const startedAt = performance.now();
    const { status, text } = await post(url, agent, headers, body);
    if (status === 202) {
      latenciesMs[sentIn].push(performance.now() - startedAt);
      acceptedIds.push((JSON.parse(text) as { delivery_id: string }).delivery_id);
    } else otherStatuses[status] = (otherStatuses[status] ?? 0) + 1;
  };
  const timer = setInterval(() => {
    const sending: Promise<void> = send().finally(() => underWay.delete(sending));
    underWay.add(sending);
  }, 1_000 / perSecond);
  return {
    turnTo: (next: Phase) => {
      phase = next;
    },
    stop: async (): Promise<CleanResult> => {
      clearInterval(timer);
      await Promise.all(underWay);
      agent.destroy();
      const { alone, beside } = latenciesMs;
      return { alone, beside, otherStatuses, signed, acceptedIds };
    },
  };
}

function post(
  url: string,
  agent: Agent,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve) => {
    const sent = request(url, { method: 'POST', agent, headers, timeout: timeoutMs }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', () => resolve({ status: 0, text: '' }));
    });
    sent.on('timeout', () => sent.destroy());
    sent.on('error', () => resolve({ status: 0, text: '' }));
    sent.end(body);
  });
}

let sending: ReturnType<typeof startSending> | undefined;
if (process.send !== undefined) {
  process.on('message', (asked: CleanAsked) => {
    if ('job' in asked) sending = startSending(asked.job);
    else if ('phase' in asked) sending?.turnTo(asked.phase);
    else void sending?.stop().then((result) => process.send?.(result));
  });
  process.on('disconnect', () => process.exit());
}
