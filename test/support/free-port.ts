// A port on which something may listen anew later: while it does not listen, nobody else comes upon it by chance. A port of
// the system's own choice (`listen(0)`) is only for what listens once.
import { createServer } from 'node:net';

// Below the ports that connections are made from and `listen(0)` gives out: one of those may take a port in the moment in
// which it is cut.
const firstPort = 12_000;
const portCount = 18_000;
// Never the same twice: the port of a service that is just killed is free for a moment, and another lane that took it would
// have the deliveries of both.
const given = new Set<number>();

/** None that this process was given before; `isFit` narrows it. */
export async function findFreePort(isFit: (port: number) => boolean = () => true): Promise<number> {
  for (;;) {
    const port = firstPort + Math.floor(Math.random() * portCount);
    if (given.has(port) || !isFit(port)) continue;
    given.add(port);
    if (await canListenOn(port)) return port;
  }
}

function canListenOn(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
