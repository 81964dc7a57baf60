// The webhook route as Express' own documentation and every tutorial write it: the raw bytes, the signature over them, the
// JSON, then whatever the contender does to accept it, then 202. All contenders but the ceilings and the service stand
// behind this same route, so that they differ in nothing else.
import { createServer } from 'node:http';
import express from 'express';
import {
  defaultTemplate,
  defaultToleranceSeconds,
  signatureHeader,
  signingKey,
  timestampHeader,
  verify,
  webhookIdHeader,
} from '../../src/ilive/signature.ts';
import { type Counts, listenHere } from './program.ts';

export interface Received {
  readonly webhookId: string;
  /** The bytes that were signed, as text. */
  readonly text: string;
  readonly payload: Readonly<Record<string, string | undefined>>;
}

const bodyLimit = '1mb';

/** Listens, and answers 202 once `accept` resolves; gives the address. */
export function listenForWebhooks(
  secret: string,
  counts: Counts,
  accept: (received: Received) => Promise<unknown>,
): Promise<string> {
  const keys = [signingKey(secret, 'utf8')];
  return listenRaw(counts, async (body, header) => {
    const webhookId = header(webhookIdHeader);
    const headers = { signature: header(signatureHeader), timestamp: header(timestampHeader), webhookId };
    const rules = {
      keys,
      template: defaultTemplate,
      toleranceSeconds: defaultToleranceSeconds,
      now: new Date(),
    };
    if (!verify(headers, body, rules).ok) return 401;
    const text = body.toString();
    await accept({ webhookId: webhookId ?? '', text, payload: JSON.parse(text) });
    return 202;
  });
}

/** The same for a contender that verifies by itself: `receive` gives the status. */
export function listenRaw(
  counts: Counts,
  receive: (body: Buffer, header: (name: string) => string | undefined) => Promise<number>,
): Promise<string> {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.post('/webhooks/ilive', express.raw({ type: 'application/json', limit: bodyLimit }), (req, res) => {
    // Counted before it is accepted, so that whatever is under way counts as not finished.
    counts.accepted += 1;
    const answer = (status: number) => {
      if (status !== 202) counts.accepted -= 1;
      res.status(status).json({ received: status === 202 });
    };
    receive(req.body, (name) => req.get(name)).then(answer, (error: unknown) => {
      console.error(error);
      answer(503);
    });
  });
  return listenHere(createServer(app));
}
