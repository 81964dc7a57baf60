// One signed delivery, posted as iLive posts it and timed. For traffic at a pace that a whole machine does not notice;
// what is to reach a service's limit is sent by `load.ts`.
import { defaultTemplate, parseTemplate, sign, signingKey, type Template } from '../src/ilive/signature.ts';

export interface Posted {
  /** The answer's status; 0 where the connection broke. */
  readonly status: number;
  /** On the clock of `performance.now`. */
  readonly answeredMs: number;
}

export type Post = (body: Buffer, webhookId: string) => Promise<Posted>;

const template = parseTemplate(defaultTemplate) as Template;

export function createPost(address: string, secret: string): Post {
  const key = signingKey(secret, 'utf8');
  const url = new URL('/webhooks/ilive', address);
  return async (body, webhookId) => {
    const timestamp = Math.floor(Date.now() / 1_000);
    const signed = sign(body, { key, template, timestamp, webhookId });
    try {
      const headers = { 'content-type': 'application/json', ...signed };
      const response = await fetch(url, { method: 'POST', headers, body });
      const answeredMs = performance.now();
      await response.arrayBuffer();
      return { status: response.status, answeredMs };
    } catch {
      return { status: 0, answeredMs: performance.now() };
    }
  };
}
