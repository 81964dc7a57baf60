// Requests that a service must refuse at its highest price: whole, with all three headers, and with a signature that is
// well formed and wrong, so that the HMAC over the whole body is computed. Each has a signature of its own, since the
// very same request sent again is kept as one. A body that does not compress is the one that takes most room.
import { randomBytes } from 'node:crypto';
import { signatureHeader, timestampHeader, webhookIdHeader } from '../src/ilive/signature.ts';
import { writeRequest } from './requests.ts';

const signatureHexDigits = 64;
const counterHexDigits = 16;

/**
 * Called once a connection; what it gives answers one different request after another, in one buffer that it writes
 * anew: each must have been answered before the next is asked for.
 */
export function prepareRefused(url: URL, bodyBytes: number): () => () => Buffer {
  const mark = randomBytes((signatureHexDigits - counterHexDigits) / 2).toString('hex');
  const signature = mark + '0'.repeat(counterHexDigits);
  const signed = {
    [timestampHeader]: String(Math.floor(Date.now() / 1_000)),
    [webhookIdHeader]: `wh_${mark.slice(0, 32)}`,
    [signatureHeader]: `sha256=${signature}`,
  };
  const bytes = writeRequest(url, signed, writeBody(bodyBytes));
  const counterAt = bytes.indexOf(signature) + mark.length;
  let count = 0;
  return () => {
    const own = Buffer.from(bytes);
    return () => {
      count += 1;
      own.write(count.toString(16).padStart(counterHexDigits, '0'), counterAt, 'latin1');
      return own;
    };
  };
}

function writeBody(bodyBytes: number): Buffer {
  const empty = JSON.stringify({ event: 'liveness.verdict', padding: '' });
  const padding = randomBytes(bodyBytes)
    .toString('base64')
    .slice(0, bodyBytes - empty.length);
  return Buffer.from(empty.replace('""', `"${padding}"`));
}
