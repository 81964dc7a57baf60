// Deliveries as they stand on the wire: true signatures, the documented headers, a session id and a webhook id of their
// own each, so that no request is a repeat of another. They are made ahead of the measurement, since signing is the
// vendor's work and would slow down the load more than the service.
import { randomUUID } from 'node:crypto';
import { plainStyle, writePayload } from '../src/simulator/payload.ts';

const verdicts = ['pass', 'pass', 'pass', 'retry', 'fail'] as const;

/** Gives one request after another, each different; none is sent twice. */
export interface Requests {
  next(): Buffer;
  /** What the delivery of the last one can be found by. */
  lastName(): string;
  /** Those that had to be made while the load ran, because the ones made ahead were used up. */
  lateCount(): number;
  readonly bodyBytes: number;
}

/** Makes `count` requests to `url` now, of what `createDelivery` gives. */
export function prepareRequests(
  url: URL,
  createDelivery: () => {
    readonly name: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: Buffer;
  },
  count: number,
): Requests {
  const names: string[] = [];
  const make = () => {
    const { name, headers, body } = createDelivery();
    names.push(name);
    return writeRequest(url, headers, body);
  };
  const ready = Array.from({ length: count }, make);
  let lateCount = 0;
  let lastName = '';
  return {
    next: () => {
      let request = ready.pop();
      if (request === undefined) {
        lateCount += 1;
        request = make();
      }
      lastName = names.pop() ?? '';
      return request;
    },
    lastName: () => lastName,
    lateCount: () => lateCount,
    bodyBytes: Buffer.byteLength(writeBody()),
  };
}

/** One request, `signed` its headers beside those that all have. */
export function writeRequest(url: URL, signed: Readonly<Record<string, string>>, body: Buffer): Buffer {
  const headers = {
    host: url.host,
    'user-agent': 'iLive-Webhooks/1.0',
    'content-type': 'application/json',
    'content-length': String(body.length),
    ...signed,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `POST ${url.pathname} HTTP/1.1\r\n${lines.join('')}\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

/** A verdict about one session, as iLive would word it now. */
export function writeBody(sessionId = `sess_${randomUUID()}`): string {
  const statement = {
    kind: 'verdict',
    sessionId,
    referenceId: `customer-${randomUUID()}`,
    verdict: verdicts[Math.floor(Math.random() * verdicts.length)] ?? 'pass',
    confidence: Math.round(Math.random() * 10_000) / 10_000,
    atMicros: Date.now() * 1000,
  } as const;
  return writePayload(statement, { ...plainStyle, hasExtraFields: true });
}
