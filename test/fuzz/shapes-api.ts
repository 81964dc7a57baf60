// Requests to the API: made from its document, right and wrong, as they are or with bytes changed on their way; and the paths
// that need no key.
import { bytesOf, type Making, type Shape, type Turn, writeRequest } from './talk.ts';

function changed(making: Making): Turn {
  const { random } = making;
  const bytes = Buffer.from(making.apiRequest());
  for (let count = random.whole(1, 4); count > 0; count -= 1) {
    bytes[random.whole(0, bytes.length - 1)] = random.chance(0.5)
      ? random.whole(0, 255)
      : random.whole(32, 126);
  }
  return { pieces: [bytes] };
}

// The same header twice, or one that only a browser, a proxy or an older library would send.
const moreHeaders = [
  'authorization: Bearer x\r\n',
  'authorization: Basic eDp5\r\n',
  'authorization:\r\n',
  'if-none-match: *\r\n',
  'if-none-match: "\u00ff"\r\n',
  'accept-encoding: gzip;q=0, br;q=1, *;q=0.5\r\n',
  'accept-encoding: \u00ff\r\n',
  'origin: null\r\n',
  'cookie: a=b\r\n',
  'traceparent: 00-00000000000000000000000000000000-0000000000000000-00\r\n',
  'x-request-id: \u00ff\r\n',
  'range: bytes=0-0,1-1,2-2\r\n',
  'idempotency-key: \u0001\r\n',
  'prefer: wait=100000\r\n',
  'last-event-id: 999999999999999999999\r\n',
  'content-type: text/plain; charset=utf-16\r\n',
  'content-encoding: gzip\r\n',
] as const;

function withMore(making: Making): Turn {
  const text = making.apiRequest().toString('latin1');
  const at = text.indexOf('\r\n') + 2;
  return { pieces: [bytesOf(text.slice(0, at) + making.random.pick(moreHeaders) + text.slice(at))] };
}

const openPaths = [
  '/healthz',
  '/readyz',
  '/metrics',
  '/openapi.json',
  '/docs',
  '/v1',
  '/v1/nothing',
  '/favicon.ico',
] as const;

function open(making: Making): Turn {
  const { random } = making;
  const method = random.pick(['GET', 'GET', 'HEAD', 'POST', 'OPTIONS', 'DELETE']);
  const query = random.pick(['', '?', '?a=%', '?a[]=1&a[x]=2', '?__proto__=1', '?%00']);
  const body = bytesOf(random.pick(['', '{}', '\u0000']));
  const head: [string, string][] = [
    ['host', making.host],
    ['authorization', `Bearer ${random.pick(['', 'ilw_x', making.readerKey])}`],
    ['content-length', String(body.length)],
  ];
  return { pieces: [writeRequest(`${method} ${random.pick(openPaths)}${query} HTTP/1.1`, head, body)] };
}

export const apiShapes: readonly Shape[] = [
  {
    name: 'API, from its document',
    weight: 6,
    isWhole: true,
    make: (making) => ({ pieces: [making.apiRequest()] }),
  },
  { name: 'API, with bytes changed', weight: 4, isWhole: false, make: changed },
  { name: 'API, with more headers', weight: 3, isWhole: false, make: withMore },
  { name: 'paths without a key', weight: 1, isWhole: true, make: open },
];
