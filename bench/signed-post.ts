// One signed delivery, posted as iLive posts it and timed. For traffic at a pace that a whole machine does not notice;
// what is to reach a service's limit is sent by `load.ts`.
import { createSignNow } from './sign-now.ts';

export interface Posted {
  /** The answer's status; 0 where the connection broke. */
  readonly status: number;
  /** On the clock of `performance.now`. */
  readonly answeredMs: number;
  /** What was answered; empty where the connection broke. */
  readonly text: string;
}

export type Post = (body: Buffer, webhookId: string) => Promise<Posted>;

export function createPost(address: string, secret: string): Post {
  const signNow = createSignNow(secret);
  const url = new URL('/webhooks/ilive', address);
  return async (body, webhookId) => {
    const headers = { 'content-type': 'application/json', ...signNow(body, webhookId) };
    try {
      const response = await fetch(url, { method: 'POST', headers, body });
      const answeredMs = performance.now();
      return { status: response.status, answeredMs, text: await response.text() };
    } catch {
      return { status: 0, answeredMs: performance.now(), text: '' };
    }
  };
}
