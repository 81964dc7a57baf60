// iLive's headers for a delivery, signed at the moment at which they are asked for.
import { defaultTemplate, sign, signingKey } from '../src/ilive/signature.ts';

export type SignNow = (body: Buffer, webhookId: string) => Record<string, string>;

export function createSignNow(secret: string): SignNow {
  const key = signingKey(secret, 'utf8');
  return (body, webhookId) => {
    const timestamp = Math.floor(Date.now() / 1_000);
    return sign(body, { key, template: defaultTemplate, timestamp, webhookId });
  };
}
