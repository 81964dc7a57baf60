// Sends the messages of a scenario as iLive would: the documented headers, and at most two attempts, the second only
// after a 5xx or a network error. Each message is signed once, so that a retry and a duplicate carry the very same
// headers (whether the vendor signs a retry anew is not documented).
import { setTimeout as sleep } from 'node:timers/promises';
import type { SigningKey, Template } from '../ilive/signature.ts';
import type { Message } from './message.ts';
import { parseObject } from './parse-object.ts';
import { type Attempt, attemptTwice, createAgent, isRetried, post, writeHeaders } from './post.ts';

/** What became of one request: `lost` when neither attempt was answered by anything but 5xx. */
export interface Answer {
  readonly message: number;
  readonly signedAtSeconds: number;
  readonly attempts: readonly Attempt[];
  readonly result:
    | { readonly outcome: 'accepted'; readonly deliveryId: string; readonly isRepeat: boolean }
    | { readonly outcome: 'refused'; readonly status: number; readonly code: string }
    | { readonly outcome: 'lost' };
}

export interface Signing {
  /** Used in turn, as by an account in the middle of a rotation. */
  readonly keys: readonly [SigningKey, ...SigningKey[]];
  readonly template: Template;
}

export interface DeliverOptions {
  readonly url: URL;
  readonly signing: Signing;
  /** Messages begun in a second; 0 for as many as the service answers. */
  readonly ratePerSecond: number;
  readonly concurrency: number;
  readonly retryDelayMs: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Called when a message's time has come; the answer is what is sent. */
  readonly prepare?: (message: Message) => Promise<Message>;
  /** No further message is begun once this is true. */
  readonly isOver?: () => boolean;
  readonly onAnswer: (answer: Answer) => void;
}

/** Sends every message that is not dropped and gives all answers. Rejects only when `signal` is aborted. */
export async function deliver(messages: readonly Message[], options: DeliverOptions): Promise<Answer[]> {
  const { url, ratePerSecond, concurrency, signal } = options;
  const agent = createAgent(url, concurrency * 3);
  const slots = createSlots(concurrency);
  const answers: Answer[] = [];
  const underWay: Promise<void>[] = [];
  const run = async (message: Message) => {
    await slots.take();
    try {
      const prepared = (await options.prepare?.(message)) ?? message;
      if (prepared.isDropped) return;
      for (const answer of await sendMessage(prepared, agent, options)) {
        answers.push(answer);
        options.onAnswer(answer);
      }
    } finally {
      slots.giveBack();
    }
  };
  // A rejection is looked at once all have ended; until then it must not end the process.
  const start = (work: Promise<void>) => {
    work.catch(() => {});
    underWay.push(work);
  };
  const startedAt = performance.now();
  try {
    for (const [index, message] of messages.entries()) {
      if (options.isOver?.()) break;
      const dueInMs =
        ratePerSecond === 0 ? 0 : startedAt + (index * 1000) / ratePerSecond - performance.now();
      if (dueInMs > 1) await sleep(dueInMs, undefined, { signal });
      await slots.wait();
      signal.throwIfAborted();
      const { delayMs } = message;
      start(delayMs === 0 ? run(message) : sleep(delayMs, undefined, { signal }).then(() => run(message)));
    }
    await Promise.all(underWay);
  } finally {
    await Promise.allSettled(underWay);
    agent.destroy();
  }
  return answers;
}

async function sendMessage(
  message: Message,
  agent: ReturnType<typeof createAgent>,
  options: DeliverOptions,
): Promise<Answer[]> {
  const signedAtSeconds = Math.floor(Date.now() / 1000) + message.clockOffsetSeconds;
  const headers = headersOf(message, signedAtSeconds, options.signing);
  const { url, timeoutMs, signal, retryDelayMs } = options;
  const common = { url, headers, body: message.sentBody, agent, timeoutMs, signal };
  const transport = message.transport === 'cut_once' ? 'cut' : message.transport;
  const send = async (): Promise<Answer> => {
    const attempts = await attemptTwice(
      (isRetry) => post({ ...common, transport: isRetry ? 'whole' : transport }),
      () => sleep(retryDelayMs, undefined, { signal }),
    );
    return { message: message.index, signedAtSeconds, attempts, result: resultOf(attempts) };
  };
  if (message.copies === 'at_once') return Promise.all([send(), send(), send()]);
  const first = await send();
  return message.copies === 'again' ? [first, await send()] : [first];
}

/** The headers that the pretend vendor sends with a message. */
export function headersOf(
  { signature, webhookId, index, signedBody }: Message,
  timestamp: number,
  { keys, template }: Signing,
): Record<string, string> {
  if (signature === 'none') return writeHeaders(signedBody, undefined);
  const key = signature === 'true' ? (keys[index % keys.length] ?? keys[0]) : strangersKey;
  return writeHeaders(signedBody, { key, template, timestamp, webhookId });
}

const strangersKey = Buffer.from('the secret of another account');

function resultOf(attempts: readonly Attempt[]): Answer['result'] {
  const last = attempts.at(-1);
  if (last === undefined || isRetried(last)) return { outcome: 'lost' };
  const said = parseObject(last.text);
  if (last.status === 202 && typeof said.delivery_id === 'string') {
    return { outcome: 'accepted', deliveryId: said.delivery_id, isRepeat: said.repeat === true };
  }
  return { outcome: 'refused', status: last.status, code: String(said.code ?? 'no code') };
}

export interface Slots {
  take(): Promise<void>;
  giveBack(): void;
  /** Resolves while a slot is free, without taking it. */
  wait(): Promise<void>;
}

/** Lets `count` callers in at once. */
export function createSlots(count: number): Slots {
  let free = count;
  const waiting: (() => void)[] = [];
  const wait = async () => {
    while (free <= 0) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  return {
    wait,
    take: async () => {
      await wait();
      free -= 1;
    },
    giveBack: () => {
      free += 1;
      for (const wake of waiting.splice(0)) wake();
    },
  };
}
