// The ceiling without Express: Node's own HTTP server that reads, verifies and parses, and stores nothing. What Express
// costs lies between this and `verify-only.ts`. It breaks every guarantee of the product on purpose.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readBody, unbounded } from '../../src/http/read-body.ts';
import { createCeiling } from './ceiling.ts';
import { runProgram } from './program.ts';

const bodyLimitBytes = 1_048_576;

runProgram(async ({ secret }) => {
  const answerTo = createCeiling(secret);
  const receive = async (req: IncomingMessage, res: ServerResponse) => {
    const body = await readBody(req, bodyLimitBytes, unbounded);
    if (!Buffer.isBuffer(body)) return void res.destroy();
    answerTo((name) => req.headers[name] as string | undefined, body, res);
  };
  const server = createServer((req, res) => void receive(req, res));
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    });
  });
});
