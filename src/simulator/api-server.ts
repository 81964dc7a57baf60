// The pretend API's door: sockets in, answers out, and everything that goes wrong with a server rather than with a
// request. While it is out of order it refuses connections, cuts them, never answers, or answers 5xx; slow answers and
// answers that were told beforehand come before the desk is asked.
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { readBody } from './api-body.ts';
import { type VendorClock, waitBy } from './api-clock.ts';
import type { Answered, Asked, Desk } from './api-desk.ts';
import { refuse, type VendorAnswer } from './api-errors.ts';
import type { CallLog } from './api-log.ts';
import type { Operation, Route } from './api-routes.ts';
import { createRandom } from './random.ts';

/** `refused`: no connection; `reset`: cut; `silent`: no answer; a number: that status. */
export type Outage = 'refused' | 'reset' | 'silent' | 500 | 502 | 503;

export interface Latency {
  /** The share of answers that are slow. */
  readonly share: number;
  /** By the vendor's clock. */
  readonly ms: number;
}

export interface ServerOptions {
  readonly port: number;
  readonly host: string;
  readonly clock: VendorClock;
  readonly desk: Desk;
  readonly log: CallLog;
  readonly latency: Latency;
  readonly seed: number;
}

/** An answer told beforehand, whatever is asked, and made at that moment; `operation` and `times` narrow it. */
export interface ToldAnswer {
  readonly answer: () => VendorAnswer;
  readonly operation: Operation | null;
  times: number;
}

export interface VendorServer {
  readonly url: string;
  readonly told: ToldAnswer[];
  setOutage(outage: Outage | null): Promise<void>;
  stop(): Promise<void>;
}

const headerName = 'x-request-id';

export async function openServer(options: ServerOptions): Promise<VendorServer> {
  const { host, log, clock, desk } = options;
  const stopped = new AbortController();
  const slowness = createRandom(options.seed, 'latency');
  const told: ToldAnswer[] = [];
  let outage: Outage | null = null;

  const onRequest = async (request: http.IncomingMessage, response: http.ServerResponse) => {
    const requestId = `req_${randomBytes(13).toString('hex').toUpperCase()}`;
    const end = log.begin(clock.now());
    const url = new URL(request.url ?? '/', 'http://vendor');
    const asked: Asked = {
      method: request.method ?? 'GET',
      url,
      headers: request.headers,
      requestId,
      nowMs: clock.now(),
      readBody: () => readBody(request),
    };
    const answered = await decide(asked).catch((error: unknown) => {
      if (stopped.signal.aborted) return 'cut' as const;
      console.error('the pretend API failed:', error);
      return answeredBy(refuse('internal_error', { dialect: 'reference', requestId }), null);
    });
    const answer = answered === 'cut' ? undefined : answered.answer;
    end({
      ...describe(asked, answered === 'cut' ? desk.routeOf(asked) : answered.route),
      caller: answered === 'cut' ? null : answered.caller,
      endedAtMs: clock.now(),
      status: answer?.status ?? 0,
      code: answer?.code ?? null,
    });
    if (answered === 'cut' || answer === undefined) return void request.socket.destroy();
    request.resume(); // what nobody read must not keep the connection from being used again
    write(response, answer, { ...answered.limitHeaders, [headerName]: requestId });
  };

  const decide = async (asked: Asked): Promise<Answered | 'cut'> => {
    const { share, ms } = options.latency;
    if (slowness.chance(share)) await waitBy(clock, ms, stopped.signal);
    if (outage === 'silent')
      await new Promise((resolve) => stopped.signal.addEventListener('abort', resolve));
    if (outage === 'reset' || outage === 'silent' || outage === 'refused') return 'cut';
    const route = desk.routeOf(asked);
    if (outage !== null) return answeredBy(answerOutage(outage, route, asked.requestId), route);
    const next = told.find(({ operation }) => operation === null || operation === route?.operation);
    if (next === undefined) return desk.answer({ ...asked, nowMs: options.clock.now() });
    next.times -= 1;
    if (next.times <= 0) told.splice(told.indexOf(next), 1);
    return answeredBy(next.answer(), route);
  };

  let server = await listen(onRequest, options.port, host);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}`,
    told,
    setOutage: async (next) => {
      const wasRefusing = outage === 'refused';
      outage = next;
      if (next === 'refused' && !wasRefusing) await close(server);
      if (next !== 'refused' && wasRefusing) server = await listen(onRequest, port, host);
    },
    stop: async () => {
      stopped.abort();
      if (server.listening) await close(server);
    },
  };
}

function describe({ requestId, method, url, headers }: Asked, route: Route | null) {
  return {
    requestId,
    method,
    path: url.pathname,
    dialect: route?.dialect ?? null,
    operation: route?.operation ?? null,
    sessionId: route?.sessionId ?? null,
    userAgent: headers['user-agent'] ?? '',
  };
}

function answeredBy(answer: VendorAnswer, route: Route | null): Answered {
  return { answer, route, caller: null, limitHeaders: {} };
}

// A gateway answers 502 and 503 in its own words, which are no JSON.
function answerOutage(status: 500 | 502 | 503, route: Route | null, requestId: string): VendorAnswer {
  if (status === 500) return refuse('internal_error', { dialect: route?.dialect ?? 'managed', requestId });
  const title = status === 502 ? '502 Bad Gateway' : '503 Service Temporarily Unavailable';
  const body = `<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>`;
  return { status, body, contentType: 'text/html' };
}

function write(
  response: http.ServerResponse,
  { status, body, contentType, headers }: VendorAnswer,
  more: Readonly<Record<string, string>>,
): void {
  const isRaw = Buffer.isBuffer(body) || typeof body === 'string';
  const bytes = isRaw ? Buffer.from(body as string) : Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    'content-type': contentType ?? (isRaw ? 'text/plain' : 'application/json'),
    'content-length': String(bytes.length),
    ...more,
    ...headers,
  });
  response.end(bytes);
}

type OnRequest = (request: http.IncomingMessage, response: http.ServerResponse) => Promise<void>;

function listen(onRequest: OnRequest, port: number, host: string): Promise<http.Server> {
  const server = http.createServer((request, response) => {
    response.on('error', () => {}); // whoever asked has gone away
    onRequest(request, response).catch(() => request.socket.destroy());
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}

function close(server: http.Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  return closed;
}
