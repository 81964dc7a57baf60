// A vendor in a few lines for tests of the client: a real HTTP server on a free port that records what it was asked and
// answers what the test says. It knows nothing of iLive, so that a test shows in full what went over the wire. Beside it
// stands a client whose waits between tries run on a clock of the test's own: half a minute of patience costs nothing.
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { type ClientOptions, createClient } from '../../src/ilive/client.ts';
import { createRateBudget } from '../../src/ilive/rate-limit.ts';
import { serve } from './serve.ts';

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A status with JSON (or text, or bytes) and headers, or a function that answers for itself, or not at all. */
export type Reply =
  | {
      readonly status?: number;
      readonly json?: unknown;
      readonly text?: string | Buffer;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | ((response: ServerResponse) => void);

export interface FakeVendor extends AsyncDisposable {
  readonly url: string;
  readonly asked: readonly Asked[];
  /** The replies in turn; the last one is given for ever after. */
  reply(...replies: readonly Reply[]): void;
}

export async function startFakeVendor(...first: readonly Reply[]): Promise<FakeVendor> {
  const asked: Asked[] = [];
  let replies = [...first];
  const served = await serve(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url = '', headers } = request;
    asked.push({ method, url, headers, body: Buffer.concat(chunks) });
    const reply = (replies.length > 1 ? replies.shift() : replies[0]) ?? { status: 500 };
    if (typeof reply === 'function') return reply(response);
    const type = reply.json === undefined ? 'text/html' : 'application/json';
    response.writeHead(reply.status ?? 200, { 'content-type': type, ...reply.headers });
    response.end(reply.json === undefined ? (reply.text ?? '') : JSON.stringify(reply.json));
  });
  return {
    ...served,
    asked,
    reply: (...next) => {
      replies = [...next];
    },
  };
}

/** A client against a fake vendor, with a clock that only waiting moves and a record of the waits between tries. */
export async function startClient(replies: readonly Reply[], options: Partial<ClientOptions> = {}) {
  const vendor = await startFakeVendor(...replies);
  const waits: number[] = [];
  let nowMs = Date.parse('2026-04-11T09:30:00Z');
  const calls: unknown[] = [];
  const client = createClient({
    apiKey: 'key-canary',
    baseUrl: vendor.url,
    breaker: false,
    budget: createRateBudget({
      nowMs: () => nowMs,
      wait: async (ms) => {
        nowMs += ms;
      },
    }),
    now: () => new Date(nowMs),
    wait: async (ms) => {
      waits.push(ms);
      nowMs += ms;
    },
    onCall: (call) => calls.push(call),
    ...options,
  });
  return { vendor, client, waits, calls, [Symbol.asyncDispose]: vendor[Symbol.asyncDispose] };
}
