// One HTTP attempt of the pretend vendor: whole, cut off in the middle, or slow; and when there is a second. Redirects are
// not followed, and no answer is read beyond a small size. What goes wrong on the network is an outcome like any other.
import http from 'node:http';
import https from 'node:https';
import { type SignOptions, sign } from '../ilive/signature.ts';
import type { Message } from './message.ts';

export interface Attempt {
  readonly outcome: 'answered' | 'network_error';
  /** 0 where nobody answered. */
  readonly status: number;
  /** The answer's body, or what went wrong. */
  readonly text: string;
  /** From the last byte sent to the last byte of the answer. */
  readonly latencyMs: number;
}

interface PostOptions {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly transport: Message['transport'] | 'cut';
  readonly agent: http.Agent;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const answerLimitBytes = 65_536;
const slowPieceCount = 4;
const slowPauseMs = 60;

/** The agent that keeps up to `connections` connections open to `url`. */
export function createAgent(url: URL, connections: number): http.Agent {
  const options = { keepAlive: true, maxSockets: connections };
  return url.protocol === 'https:' ? new https.Agent(options) : new http.Agent(options);
}

/** Documented: only 5xx and network errors are tried again, once. */
export async function attemptTwice(
  send: (isRetry: boolean) => Promise<Attempt>,
  rest: () => Promise<unknown>,
): Promise<Attempt[]> {
  const first = await send(false);
  if (!isRetried(first)) return [first];
  await rest();
  return [first, await send(true)];
}

export function isRetried({ outcome, status }: Attempt): boolean {
  return outcome === 'network_error' || status >= 500;
}

/** The headers that the pretend vendor sends with a body; an unsigned one has none of the three. */
export function writeHeaders(body: Buffer, signing: SignOptions | undefined): Record<string, string> {
  const headers = { 'content-type': 'application/json', 'user-agent': 'ilive-webhooks-simulator' };
  return signing === undefined ? headers : { ...headers, ...sign(body, signing) };
}

export function post(options: PostOptions): Promise<Attempt> {
  const { url, headers, body, agent, timeoutMs, signal } = options;
  return new Promise((resolve) => {
    let sentAt = performance.now();
    const request = (url.protocol === 'https:' ? https : http).request(
      url,
      { method: 'POST', agent, signal, headers: { ...headers, 'content-length': String(body.length) } },
      (response) => {
        readAnswer(response).then(
          (text) => resolve(answered(response.statusCode ?? 0, text, performance.now() - sentAt)),
          (error: unknown) => resolve(failed(error)),
        );
      },
    );
    request.setTimeout(timeoutMs, () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    request.on('error', (error) => resolve(failed(error)));
    void send(request, options).then(() => {
      sentAt = performance.now();
    });
  });
}

async function send(request: http.ClientRequest, { body, transport }: PostOptions): Promise<void> {
  if (transport === 'cut') {
    const half = body.subarray(0, Math.ceil(body.length / 2));
    request.write(half, () => request.destroy(new Error('cut off on purpose')));
    return;
  }
  if (transport !== 'slow') {
    request.end(body);
    return;
  }
  const pieceBytes = Math.ceil(body.length / slowPieceCount);
  for (let start = 0; start < body.length; start += pieceBytes) {
    if (start > 0) await new Promise((resolve) => setTimeout(resolve, slowPauseMs));
    request.write(body.subarray(start, start + pieceBytes));
  }
  request.end();
}

async function readAnswer(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > answerLimitBytes) throw new Error(`an answer of more than ${answerLimitBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function answered(status: number, text: string, latencyMs: number): Attempt {
  return { outcome: 'answered', status, text, latencyMs };
}

function failed(error: unknown): Attempt {
  const text = error instanceof Error ? error.message : String(error);
  return { outcome: 'network_error', status: 0, text, latencyMs: 0 };
}
