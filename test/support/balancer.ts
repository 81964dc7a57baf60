// What stands in front of several receivers in production: a proxy that keeps connections to each, asks `/readyz` of each
// again and again, and sends nothing to one that is not ready. It never tries a request a second time, so that whatever
// goes wrong behind it is seen by whoever sent it.
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Balancer {
  readonly url: string;
  /** Whether requests are sent to this receiver now. */
  isSentTo(address: string): boolean;
  /** Sends nothing to it any more, whatever it says of itself, until `takeIn`. */
  takeOut(address: string): void;
  takeIn(address: string): void;
  close(): Promise<void>;
}

export interface BalancerOptions {
  readonly checkEveryMs: number;
  /** So many checks in a row that fail take a receiver out; one that is well takes it in. */
  readonly failuresToLeave: number;
}

interface Backend {
  readonly address: string;
  readonly agent: Agent;
  isWell: boolean;
  failures: number;
  isAsked: boolean;
  isOut: boolean;
}

const probeTimeoutMs = 3_000;

/** Begins with none that is sent to: `isSentTo` says when a receiver was found ready. */
export async function startBalancer(
  addresses: readonly string[],
  { checkEveryMs, failuresToLeave }: BalancerOptions,
): Promise<Balancer> {
  const backends = addresses.map(
    (address): Backend => ({
      address,
      agent: new Agent({ keepAlive: true, maxSockets: 256 }),
      isWell: false,
      failures: 0,
      isAsked: false,
      isOut: false,
    }),
  );
  let turn = 0;
  const setOut = (address: string, isOut: boolean) => {
    for (const each of backends) if (each.address === address) each.isOut = isOut;
  };
  const server = createServer({ keepAliveTimeout: 65_000 }, (req, res) => {
    const well = backends.filter(({ isWell, isOut }) => isWell && !isOut);
    turn += 1;
    const backend = well[turn % Math.max(1, well.length)];
    if (backend === undefined) res.writeHead(503, { 'x-balancer': 'none is ready' }).end();
    else passOn(req, res, backend);
  });
  const check = () => {
    for (const backend of backends) {
      if (backend.isAsked) continue;
      backend.isAsked = true;
      void isReady(backend.address).then((isWell) => {
        backend.isAsked = false;
        backend.failures = isWell ? 0 : backend.failures + 1;
        if (isWell) backend.isWell = true;
        else if (backend.failures >= failuresToLeave) backend.isWell = false;
      });
    }
  };
  const timer = setInterval(check, checkEveryMs);
  check();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    isSentTo: (address) => backends.some((each) => each.address === address && each.isWell && !each.isOut),
    takeOut: (address) => setOut(address, true),
    takeIn: (address) => setOut(address, false),
    close: async () => {
      clearInterval(timer);
      server.close();
      server.closeAllConnections();
      for (const { agent } of backends) agent.destroy();
    },
  };
}

function passOn(req: IncomingMessage, res: ServerResponse, { address, agent }: Backend): void {
  const { host: _host, connection: _connection, ...headers } = req.headers;
  const passed = request(new URL(req.url ?? '/', address), { method: req.method, headers, agent });
  passed.on('response', (answer) => {
    const { connection: _ours, 'keep-alive': _theirs, ...answered } = answer.headers;
    res.writeHead(answer.statusCode ?? 502, answered);
    answer.pipe(res);
    answer.on('error', () => res.destroy());
  });
  passed.on('error', (error: NodeJS.ErrnoException) => {
    if (res.headersSent) res.destroy();
    else res.writeHead(502, { 'x-balancer': error.code ?? 'broken' }).end();
  });
  req.pipe(passed);
}

// On a connection of its own each time: a probe must not find out less because an old connection still works.
function isReady(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = request(
      new URL('/readyz', address),
      { agent: false, timeout: probeTimeoutMs },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode === 200);
      },
    );
    probe.on('timeout', () => probe.destroy());
    probe.on('error', () => resolve(false));
    probe.end();
  });
}
