// The HTTP server around the routes, with a limit on every wait: a slow or half-sent request ends by itself and holds
// nothing. Closing takes no new connection, lets requests in flight finish, and closes what is idle.
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Express } from 'express';

export interface ListenOptions {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Time for a request to arrive completely, headers and body. */
  readonly requestTimeoutMs: number;
}

export interface HttpServer {
  readonly address: AddressInfo;
  /** Resolves once every request in flight is answered and every connection closed. */
  close(): Promise<void>;
}

// Longer than the idle time-outs of common load balancers (60 s), so that they and not we close an idle connection.
const keepAliveTimeoutMs = 65_000;
const checkIntervalMs = 1_000;

/** Throws when the address cannot be listened on. */
export async function listen(app: Express, options: ListenOptions): Promise<HttpServer> {
  const server = createServer(
    {
      requestTimeout: options.requestTimeoutMs,
      headersTimeout: options.requestTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
      connectionsCheckingInterval: checkIntervalMs,
    },
    app,
  );
  // Connections on which nothing was ever sent: Node counts them as busy until its time-out.
  const silent = new Set<Socket>();
  server.on('connection', (socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });
  server.on('request', ({ socket }) => silent.delete(socket));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    address: server.address() as AddressInfo,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        // A connection that was busy a moment ago becomes idle after `close` has looked.
        const timer = setInterval(() => {
          server.closeIdleConnections();
          for (const socket of silent) if (socket.bytesRead === 0) socket.destroy();
        }, 100);
        server.once('close', () => clearInterval(timer));
      }),
  };
}
