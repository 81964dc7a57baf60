// Deliveries as they stand on the wire: true signatures, the documented headers, a session id and a webhook id of their
// own each, so that no request is a repeat of another. They are made ahead of the measurement, since signing is the
// vendor's work and would slow down the load more than the service.
import { randomUUID } from 'node:crypto';
import { defaultTemplate, parseTemplate, sign, signingKey, type Template } from '../src/ilive/signature.ts';
import { plainStyle, writePayload } from '../src/simulator/payload.ts';

type SigningKey = ReturnType<typeof signingKey>;

const verdicts = ['pass', 'pass', 'pass', 'retry', 'fail'] as const;

/** Gives one request after another, each different; none is sent twice. */
export interface Requests {
  next(): Buffer;
  /** Those that had to be made while the load ran, because the ones made ahead were used up. */
  lateCount(): number;
  readonly bodyBytes: number;
}

/** Makes `count` requests to `url` now. */
export function prepareRequests(url: URL, secret: string, count: number): Requests {
  const key = signingKey(secret, 'utf8');
  const template = parseTemplate(defaultTemplate) as Template;
  const make = () => writeRequest(url, writeBody(), key, template);
  const ready = Array.from({ length: count }, make);
  let lateCount = 0;
  return {
    next: () => {
      const request = ready.pop();
      if (request !== undefined) return request;
      lateCount += 1;
      return make();
    },
    lateCount: () => lateCount,
    bodyBytes: Buffer.byteLength(writeBody()),
  };
}

function writeRequest(url: URL, body: string, key: SigningKey, template: Template): Buffer {
  const bytes = Buffer.from(body);
  const timestamp = Math.floor(Date.now() / 1000);
  const signed = sign(bytes, { key, template, timestamp, webhookId: `wh_${randomUUID()}` });
  const headers = {
    host: url.host,
    'user-agent': 'iLive-Webhooks/1.0',
    'content-type': 'application/json',
    'content-length': String(bytes.length),
    ...signed,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST ${url.pathname} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
}

function writeBody(): string {
  const statement = {
    kind: 'verdict',
    sessionId: `sess_${randomUUID()}`,
    referenceId: `customer-${randomUUID()}`,
    verdict: verdicts[Math.floor(Math.random() * verdicts.length)] ?? 'pass',
    confidence: Math.round(Math.random() * 10_000) / 10_000,
    atMicros: Date.now() * 1000,
  } as const;
  return writePayload(statement, { ...plainStyle, hasExtraFields: true });
}
