// The HTTP server around the routes, with a limit on every wait: a slow or half-sent request ends by itself and holds
// nothing. What is no HTTP, or has too long a head, is told so before any route sees it. Connections are not counted here:
// iLive's share this door, and one that is turned away may be a delivery that is lost. Closing takes no new connection, lets requests in flight finish, and closes what is idle.
import { randomUUID } from 'node:crypto';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { ServiceError } from '../errors.ts';
import { type Problem, renderProblem, titles } from './error-response.ts';

export interface ListenOptions {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Time for a request to arrive completely, headers and body, and for some of an answer to be taken. */
  readonly requestTimeoutMs: number;
  /** From then on each answer is the last of its connection, so that whoever sent it goes elsewhere for the next. */
  readonly isStopping: () => boolean;
}

export interface HttpServer {
  readonly address: AddressInfo;
  /** Takes nothing new at once; resolves once every request in flight is answered and every connection closed. */
  close(): Promise<void>;
}

// Longer than the idle time-outs of common load balancers (60 s), so that they and not we close an idle connection.
const keepAliveTimeoutMs = 65_000;
// Connections that wait to be taken; the system may allow fewer (net.core.somaxconn). One that finds no room is tried again
// by its sender's system after 1, 2, 4 and 8 s, which is far worse than a 503.
const backlogConnections = 4_096;
const checkIntervalMs = 1_000;
// The request line with its query, and all headers. Node's own default, written down so that an update does not move it.
const headLimitBytes = 16_384;

/** Throws `conflict` when the address cannot be listened on. */
export async function listen(app: RequestListener, options: ListenOptions): Promise<HttpServer> {
  const server = createServer(
    {
      requestTimeout: options.requestTimeoutMs,
      headersTimeout: options.requestTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
      connectionsCheckingInterval: checkIntervalMs,
      maxHeaderSize: headLimitBytes,
    },
    app,
  );
  // Connections on which nothing was ever sent: Node counts them as busy until its time-out.
  const silent = new Set<Socket>();
  server.on('connection', (socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });
  // Before any route, since some answer at once.
  server.prependListener('request', ({ socket }, res) => {
    silent.delete(socket);
    if (options.isStopping()) res.setHeader('connection', 'close');
  });
  server.prependListener('request', closeAfterUpgrade);
  const closeUnread = createCloseUnread(options.requestTimeoutMs);
  server.prependListener('request', (_req, res) => void res.on('prefinish', closeUnread));
  server.on('clientError', (error, socket) => refuseUnreadable(error, socket as Socket));
  await new Promise<void>((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => reject(cannotListen(error, options));
    server.once('error', fail);
    server.listen({ port: options.port, host: options.host, backlog: backlogConnections }, () => {
      server.off('error', fail);
      resolve();
    });
  });
  let closing: Promise<void> | undefined;
  return {
    address: server.address() as AddressInfo,
    close: () => {
      closing ??= closeServer(server, silent);
      return closing;
    },
  };
}

function closeServer(server: Server, silent: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    // A connection that was busy a moment ago becomes idle after `close` has looked.
    const timer = setInterval(() => {
      server.closeIdleConnections();
      for (const socket of silent) if (socket.bytesRead === 0) socket.destroy();
    }, 100);
    server.once('close', () => clearInterval(timer));
  });
}

// Whoever starts the service is told in one sentence what stands in the way, and what to do.
function cannotListen(error: NodeJS.ErrnoException, { host, port }: ListenOptions): Error {
  const sentences: Record<string, string> = {
    EADDRINUSE: 'is taken by another program: stop that one, or set PORT or HOST to another',
    EACCES: 'may not be listened on by this user: set PORT to one from 1024 on',
    EADDRNOTAVAIL: 'is none of this machine: set HOST to one that is, or to 0.0.0.0',
    ENOTFOUND: 'cannot be found: set HOST to an address of this machine, or to 0.0.0.0',
  };
  const sentence = sentences[error.code ?? ''];
  if (sentence === undefined) return error;
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new ServiceError('conflict', `The address ${address} ${sentence}.`, { cause: error });
}

// We speak nothing but HTTP/1.1. Node answers a request that asks for another protocol like any other, and then reads nothing
// more on its connection: whoever sent the next one there, such as a proxy, would wait for an answer in vain.
function closeAfterUpgrade(req: IncomingMessage, res: ServerResponse): void {
  if (req.headers.upgrade !== undefined) res.shouldKeepAlive = false;
}

// An answer that is given and does not all leave at once is held for as long as some of it is read now and then. Before it is given,
// and where more of it is to come, such as of a stream, others see to it.
// One function for all of them, since every request has it hear.
function createCloseUnread(timeoutMs: number): (this: ServerResponse) => void {
  return function closeUnread() {
    const { socket } = this;
    if (socket === null || socket.writableLength === 0) return;
    socket.setTimeout(timeoutMs);
    // Before Node sets the time for the next request.
    this.prependOnceListener('finish', () => socket.setTimeout(0));
  };
}

// There is no request to answer yet, so the answer is written by hand; the connection cannot be used any more.
function refuseUnreadable(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = unreadable[error.code ?? ''] ?? malformed;
  const requestId = randomUUID();
  const body = renderProblem(problem, requestId);
  const head = [
    `HTTP/1.1 ${problem.status} ${titles[problem.status]}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    `x-request-id: ${requestId}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

const malformed: Problem = {
  status: 400,
  code: 'invalid_request',
  detail: 'This is not a request in HTTP/1.1.',
};

const unreadable: Readonly<Record<string, Problem>> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    code: 'head_too_large',
    detail: `The address with its query and the headers may be ${headLimitBytes} bytes together.`,
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    code: 'request_timeout',
    detail: 'The request did not arrive in time (REQUEST_TIMEOUT_SECONDS).',
  },
};
