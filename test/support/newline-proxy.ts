// A proxy as some stand in front of services: it hands every request on, with a newline behind the body.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface NewlineProxy {
  readonly url: URL;
  stop(): Promise<void>;
}

/** Starts it in front of `target`, a whole address with its path. */
export async function startNewlineProxy(target: URL): Promise<NewlineProxy> {
  const server = createServer((req, res) => {
    const forward = async () => {
      const body = Buffer.concat([await buffer(req), Buffer.from('\n')]);
      const { 'content-length': _length, host: _host, connection: _connection, ...headers } = req.headers;
      const answer = await fetch(target, {
        method: 'POST',
        headers: headers as Record<string, string>,
        body,
      });
      res.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' });
      res.end(Buffer.from(await answer.arrayBuffer()));
    };
    forward().catch(() => res.writeHead(502).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
