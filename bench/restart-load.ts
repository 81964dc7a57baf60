// Deliveries and questions, sent through a proxy on kept connections: as many at once as there are senders, each after the
// answer to the one before. No request is sent a second time, and what each was told is remembered.
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { writeBody } from './requests.ts';
import { createSignNow } from './sign-now.ts';

export interface RestartLoad {
  /** The ids that were told with a 202. */
  readonly acceptedIds: readonly string[];
  /** Of all answers, and of broken connections as `0`. */
  readonly statuses: Readonly<Record<string, number>>;
  /** What went wrong, with when; at most a hundred. */
  readonly failures: readonly string[];
  readonly answeredMs: readonly number[];
  count(): number;
  stop(): Promise<void>;
}

export interface RestartLoadOptions {
  readonly url: string;
  readonly secret: string;
  readonly apiKey: string;
  readonly senders: number;
  /** All senders together send no faster. */
  readonly perSecond: number;
}

const questionEvery = 20;
const shownFailureCount = 100;

export function startRestartLoad(options: RestartLoadOptions): RestartLoad {
  const { url, apiKey, senders, perSecond } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: senders });
  const signed = createSigned(options.secret);
  const acceptedIds: string[] = [];
  const statuses: Record<string, number> = {};
  const failures: string[] = [];
  const answeredMs: number[] = [];
  const startedAt = performance.now();
  let sentCount = 0;
  let isStopped = false;
  const sendOne = async (number: number) => {
    const isQuestion = number % questionEvery === 0;
    const sentAt = performance.now();
    const answer = isQuestion
      ? await send(agent, 'GET', `${url}/v1/deliveries?limit=1`, { authorization: `Bearer ${apiKey}` })
      : await send(agent, 'POST', `${url}/webhooks/ilive`, ...signed());
    statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
    answeredMs.push(performance.now() - sentAt);
    if (answer.status === 202)
      acceptedIds.push((JSON.parse(answer.body) as { delivery_id: string }).delivery_id);
    else if (answer.status !== 200 && failures.length < shownFailureCount)
      failures.push(
        `${new Date().toISOString()} ${isQuestion ? 'a question' : 'a delivery'}: ${answer.status} ${answer.why}`,
      );
  };
  const sendOn = async () => {
    while (!isStopped) {
      sentCount += 1;
      const aheadMs = (sentCount * 1000) / perSecond - (performance.now() - startedAt);
      if (aheadMs > 0) await wait(aheadMs);
      await sendOne(sentCount);
    }
  };
  const sending = Array.from({ length: senders }, sendOn);
  return {
    acceptedIds,
    statuses,
    failures,
    answeredMs,
    count: () => answeredMs.length,
    stop: async () => {
      isStopped = true;
      await Promise.all(sending);
      agent.destroy();
    },
  };
}

function createSigned(secret: string): () => [Record<string, string>, Buffer] {
  const signNow = createSignNow(secret);
  return () => {
    const body = Buffer.from(writeBody());
    const marks = signNow(body, randomUUID());
    return [{ 'content-type': 'application/json', 'content-length': String(body.length), ...marks }, body];
  };
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly why: string;
}

function send(
  agent: Agent,
  method: string,
  url: string,
  headers: Record<string, string>,
  body?: Buffer,
): Promise<Answer> {
  return new Promise((resolve) => {
    const broken = (error: NodeJS.ErrnoException) =>
      resolve({ status: 0, body: '', why: error.code ?? error.message });
    const sent = request(url, { method, agent, headers, timeout: 30_000 }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('error', broken);
      answer.on('end', () =>
        resolve({
          status: answer.statusCode ?? 0,
          body: text,
          why: String(answer.headers['x-balancer'] ?? text.slice(0, 200)),
        }),
      );
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer within 30 s')));
    sent.on('error', broken);
    sent.end(body);
  });
}
