// A wire between the service and a store that a test can cut: connections are passed on byte by byte until `cut`, which
// ends all of them and refuses new ones until `mend`; `reset` does it the hard way. `freeze` lets nothing through and ends
// nothing, as a host that has vanished would, until `thaw`; `strand` does so to what is open now. `delay` lets everything
// through later.
import { connect, createServer, type Server, type Socket } from 'node:net';
import { findFreePort } from './free-port.ts';

export interface TcpProxy {
  readonly port: number;
  isOpen(): boolean;
  cut(): Promise<void>;
  /** As `cut`, with a reset in place of an end. */
  reset(): Promise<void>;
  mend(): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** The connections that are there fall silent for good, and new ones work: a host that has vanished behind its address. */
  strand(): void;
  /** Every piece takes so much longer from now on; 0 for no delay. */
  delay(ms: number): void;
  close(): Promise<void>;
}

/** A proxy to `host:port` on a free loopback port. */
export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let isFrozen = false;
  let delayMs = 0;
  const accept = (incoming: Socket) => {
    const outgoing = connect(target);
    for (const [socket, other] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.on('end', () => other.end());
      const goOn = () => (isFrozen ? undefined : socket.resume());
      const pass = (piece: Buffer) => {
        if (other.write(piece)) return true;
        socket.pause();
        other.once('drain', goOn);
        return false;
      };
      socket.on('data', (piece) => {
        if (delayMs === 0) return void pass(piece);
        socket.pause(); // what comes behind it waits too, so that the order stays
        setTimeout(() => pass(piece) && goOn(), delayMs);
      });
      if (isFrozen) socket.pause();
    }
  };
  const port = await findFreePort();
  let server = await listen(accept, port);
  const cutWith = async (end: (socket: Socket) => void) => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) end(socket);
    await closed;
  };
  const cut = () => cutWith((socket) => void socket.destroy());
  return {
    port,
    isOpen: () => server.listening,
    cut,
    reset: () => cutWith((socket) => void socket.resetAndDestroy()),
    mend: async () => {
      server = await listen(accept, port);
    },
    freeze: () => {
      isFrozen = true;
      for (const socket of sockets) socket.pause();
    },
    thaw: () => {
      isFrozen = false;
      for (const socket of sockets) socket.resume();
    },
    strand: () => {
      for (const socket of sockets) socket.pause();
    },
    delay: (ms) => {
      delayMs = ms;
    },
    close: async () => {
      if (server.listening) await cut();
    },
  };
}

function listen(accept: (socket: Socket) => void, port: number): Promise<Server> {
  const server = createServer(accept);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
