// The ceiling: what this machine and Express could acknowledge if nothing had to be kept. The same server, the same
// route, the same reading, verifying and parsing as in the service, and then the same 202 without storing anything. It
// breaks every guarantee of the product on purpose and exists to be divided by.
import express from 'express';
import { listen } from '../../src/http/listen.ts';
import { readBody, unbounded } from '../../src/http/read-body.ts';
import {
  defaultTemplate,
  defaultToleranceSeconds,
  parseTemplate,
  signatureHeader,
  signingKey,
  type Template,
  timestampHeader,
  verify,
  webhookIdHeader,
} from '../../src/ilive/signature.ts';

const bodyLimitBytes = 1_048_576;
const requestTimeoutMs = 15_000;

async function serve(secret: string): Promise<void> {
  const keys = [signingKey(secret, 'utf8')];
  const template = parseTemplate(defaultTemplate) as Template;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.post(['/webhooks/ilive', '/webhooks/ilive/:account'], async (req, res) => {
    const body = await readBody(req, bodyLimitBytes, unbounded);
    if (!Buffer.isBuffer(body)) return void res.destroy();
    const headers = {
      signature: req.get(signatureHeader),
      timestamp: req.get(timestampHeader),
      webhookId: req.get(webhookIdHeader),
    };
    const now = new Date();
    const verified = verify(headers, body, {
      keys,
      template,
      toleranceSeconds: defaultToleranceSeconds,
      now,
    });
    if (!verified.ok) return void res.status(401).end(verified.reason);
    const { session_id: sessionId } = JSON.parse(body.toString()) as { session_id: string };
    // As long as the service's own answer.
    const answer = `{"delivery_id":"${sessionId.slice(-36)}","repeat":false}`;
    res.writeHead(202, { 'content-type': 'application/json', 'content-length': answer.length });
    res.end(answer);
  });
  const server = await listen(app, { host: '127.0.0.1', port: 0, requestTimeoutMs });
  process.send?.({ address: `http://127.0.0.1:${server.address.port}` });
}

process.once('message', ({ secret }: { secret: string }) => void serve(secret));
process.once('disconnect', () => process.exit());
