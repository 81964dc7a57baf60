// Requests that a service must refuse at its highest price: whole, with all three headers, and with a signature that is
// well formed and wrong, so that the HMAC over the whole body is computed. Each has a signature of its own, since the
// very same request sent again is kept as one. A body that does not compress is the one that takes most room.
import { randomBytes } from 'node:crypto';
import { signatureHeader, timestampHeader, webhookIdHeader } from '../src/ilive/signature.ts';

const signatureHexDigits = 64;
const counterHexDigits = 16;

/**
 * Called once a connection; what it gives answers one different request after another, in one buffer that it writes
 * anew: each must have been answered before the next is asked for.
 */
export function prepareRefused(url: URL, bodyBytes: number): () => () => Buffer {
  const mark = randomBytes((signatureHexDigits - counterHexDigits) / 2).toString('hex');
  const { bytes, counterAt } = writeRequest(url, mark, writeBody(bodyBytes));
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

function writeRequest(url: URL, mark: string, body: Buffer): { bytes: Buffer; counterAt: number } {
  const headers = {
    host: url.host,
    'user-agent': 'iLive-Webhooks/1.0',
    'content-type': 'application/json',
    'content-length': String(body.length),
    [timestampHeader]: String(Math.floor(Date.now() / 1_000)),
    [webhookIdHeader]: `wh_${mark.slice(0, 32)}`,
    [signatureHeader]: `sha256=${mark}${'0'.repeat(counterHexDigits)}`,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `POST ${url.pathname} HTTP/1.1\r\n${lines.join('')}\r\n`;
  const bytes = Buffer.concat([Buffer.from(head), body]);
  return { bytes, counterAt: bytes.indexOf(mark + '0'.repeat(counterHexDigits)) + mark.length };
}

function writeBody(bodyBytes: number): Buffer {
  const empty = JSON.stringify({ event: 'liveness.verdict', padding: '' });
  const padding = randomBytes(bodyBytes)
    .toString('base64')
    .slice(0, bodyBytes - empty.length);
  return Buffer.from(empty.replace('""', `"${padding}"`));
}
