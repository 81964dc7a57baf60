// What both ceilings do with a request that has been read: verify, parse, and answer 202 as if it had been stored.
import type { ServerResponse } from 'node:http';
import {
  defaultTemplate,
  defaultToleranceSeconds,
  signatureHeader,
  signingKey,
  timestampHeader,
  verify,
  webhookIdHeader,
} from '../../src/ilive/signature.ts';

/** Answers a request by its headers and its body. */
export type AnswerTo = (
  header: (name: string) => string | undefined,
  body: Buffer,
  res: ServerResponse,
) => void;

export function createCeiling(secret: string): AnswerTo {
  const keys = [signingKey(secret, 'utf8')];
  return (header, body, res) => {
    const headers = {
      signature: header(signatureHeader),
      timestamp: header(timestampHeader),
      webhookId: header(webhookIdHeader),
    };
    const rules = {
      keys,
      template: defaultTemplate,
      toleranceSeconds: defaultToleranceSeconds,
      now: new Date(),
    };
    const verified = verify(headers, body, rules);
    if (!verified.ok) return void res.writeHead(401).end(verified.reason);
    const { session_id: sessionId } = JSON.parse(body.toString()) as { session_id: string };
    // As long as the service's own answer.
    const answer = `{"delivery_id":"${sessionId.slice(-36)}","repeat":false}`;
    res.writeHead(202, { 'content-type': 'application/json', 'content-length': answer.length });
    res.end(answer);
  };
}
