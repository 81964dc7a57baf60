// The ceiling without Express: Node's own HTTP server that reads, verifies and parses, and stores nothing. What Express
// costs lies between this and `verify-only.ts`. It breaks every guarantee of the product on purpose.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { readBody, unbounded } from '../../src/http/read-body.ts';
import { createCeiling } from './ceiling.ts';
import { listenHere, runProgram } from './program.ts';

const bodyLimitBytes = 1_048_576;

runProgram(async ({ secret }) => {
  const answerTo = createCeiling(secret);
  const receive = async (req: IncomingMessage, res: ServerResponse) => {
    const body = await readBody(req, bodyLimitBytes, unbounded);
    if (!Buffer.isBuffer(body)) return void res.destroy();
    answerTo((name) => req.headers[name] as string | undefined, body, res);
  };
  const server = createServer((req, res) => void receive(req, res));
  return listenHere(server);
});
