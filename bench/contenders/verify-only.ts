// The ceiling: what this machine and Express could acknowledge if nothing had to be kept. The same server, the same
// route, the same reading, verifying and parsing as in the service, and then the same 202 without storing anything. It
// breaks every guarantee of the product on purpose and exists to be divided by.
import express from 'express';
import { listen } from '../../src/http/listen.ts';
import { readBody, unbounded } from '../../src/http/read-body.ts';
import { createCeiling } from './ceiling.ts';
import { runProgram } from './program.ts';

const bodyLimitBytes = 1_048_576;
const requestTimeoutMs = 15_000;

runProgram(async ({ secret }) => {
  const answerTo = createCeiling(secret);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.post(['/webhooks/ilive', '/webhooks/ilive/:account'], async (req, res) => {
    const body = await readBody(req, bodyLimitBytes, unbounded);
    if (!Buffer.isBuffer(body)) return void res.destroy();
    answerTo((name) => req.get(name), body, res);
  });
  const server = await listen(app, { host: '127.0.0.1', port: 0, requestTimeoutMs, isStopping: () => false });
  return `http://127.0.0.1:${server.address.port}`;
});
