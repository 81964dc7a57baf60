// Requests to the front door that are HTTP and prove nothing: without a signature, with a wrong one, or with one that was true
// before somebody changed a thing. Beside them those that we sign ourselves over hostile bytes: these must all be accepted.
import { gzipSync } from 'node:zlib';
import type { Random } from '../../src/simulator/random.ts';
import { encodedBody, hostileBody } from './hostile-bodies.ts';
import { bytesOf, frontDoor, type Making, type Piece, type Shape, writePost, writeRequest } from './talk.ts';

const hex = '0123456789abcdef';

function hexText(random: Random, length: number): string {
  return Array.from({ length }, () => hex[random.whole(0, 15)]).join('');
}

const nowSeconds = () => Math.floor(Date.now() / 1000);

const garbage = [
  '',
  'sha256=',
  'sha1=aa',
  'sha256=zz',
  'SHA256=00',
  'null',
  'undefined',
  '[object Object]',
  '-1',
  '0',
  '1e9',
  '0x10',
  '99999999999999999999',
  ' 1 ',
  'NaN',
  '\u00ff\u00fe',
  '../..',
  '__proto__',
] as const;

function wrongHeaders({ random, name }: Making): Record<string, string> {
  const some = (right: string) =>
    random.chance(0.5) ? right : random.chance(0.9) ? random.pick(garbage) : 'a'.repeat(4_000);
  const headers = {
    'x-ilive-signature': some(`sha256=${hexText(random, 64)}`),
    'x-ilive-timestamp': some(String(nowSeconds())),
    'x-ilive-webhook-id': some(name),
  };
  return random.chance(0.2) ? { ...headers, 'x-ilive-signature': `sha256=${hexText(random, 64)}` } : headers;
}

// Each takes what was true and changes one thing of it.
function tamper(making: Making): Buffer {
  const { random, name } = making;
  // Never empty, or taking its bytes away would change nothing.
  const made = random.chance(0.7) ? Buffer.alloc(0) : hostileBody(random, name);
  const body = Buffer.concat([bytesOf(`{"event":"x","n":"${name}"}`), made]);
  const { headers } = making.sign(body, `tampered-${name}`);
  const signature = headers['x-ilive-signature'] ?? '';
  const timestamp = headers['x-ilive-timestamp'] ?? '';
  const place = 7 + random.whole(0, 63);
  const other = hex[(hex.indexOf(signature[place] ?? '0') + random.whole(1, 15)) % 16] ?? '0';
  const changes = [
    // One digit of the signature, from the first to the last.
    () => ({ 'x-ilive-signature': signature.slice(0, place) + other + signature.slice(place + 1) }),
    () => ({ 'x-ilive-signature': signature.slice(0, -1) }),
    () => ({ 'x-ilive-signature': signature.slice(7) }),
    () => ({ 'x-ilive-signature': `${signature}, ${signature}` }),
    () => ({ 'x-ilive-timestamp': String(Number(timestamp) + random.pick([-1, 1, 60, -60])) }),
    () => ({ 'x-ilive-timestamp': `${timestamp}.` }),
    () => ({ 'x-ilive-timestamp': `0${timestamp}` }),
  ] as const;
  if (random.chance(0.5)) return writePost(making, { ...headers, ...random.pick(changes)() }, body);
  const changed = Buffer.concat([body, bytesOf(random.pick([' ', '\n', '}', '\u0000']))]);
  return random.pick([
    () => writePost(making, headers, changed),
    () => writePost(making, headers, Buffer.alloc(0)),
    // The bytes that were signed lie in what is sent, and are not what is sent.
    () => writePost({ host: making.host }, { ...headers, 'content-encoding': 'gzip' }, gzipSync(body)),
    () => writePost(making, headers, body, `${frontDoor}/another-account`),
    () =>
      writePost(making, headers, body, `${frontDoor}/${random.pick(['__proto__', 'constructor', '%00'])}`),
    // The same header twice, the true one first or last.
    () => twice(making, headers, body, random.chance(0.5)),
  ])();
}

function twice(making: Making, headers: Readonly<Record<string, string>>, body: Buffer, isLast: boolean) {
  const pairs = Object.entries(headers);
  const wrong = pairs.map(([name]) => [name, `sha256=${'0'.repeat(64)}`] as const);
  const all = isLast ? [...wrong, ...pairs] : [...pairs, ...wrong];
  return writeRequest(
    `POST ${frontDoor} HTTP/1.1`,
    [['host', making.host], ...all, ['content-length', String(body.length)]],
    body,
  );
}

function stale(making: Making): Buffer {
  const { random, name } = making;
  const body = Buffer.from(`{"event":"x","n":"${name}"}`);
  const moved = random.pick([-400, 400, -86_400, 86_400, -1_000_000_000, 10_000_000_000]);
  return writePost(making, making.sign(body, `stale-${name}`, moved).headers, body);
}

function signedTurn(making: Making, body: Buffer, more: Readonly<Record<string, string>> = {}) {
  const { headers, delivery } = making.sign(body, `hostile-${making.name}`);
  const bytes = writePost(making, { 'content-type': 'application/json', ...headers, ...more }, body);
  return { pieces: [bytes], signed: [delivery], mustBeAccepted: true };
}

// Rightly signed, and sent in pieces: chunks of odd sizes, writes that cut in the middle of a header.
function signedInPieces(making: Making) {
  const { random, name } = making;
  const body = hostileBody(random, name);
  const { headers, delivery } = making.sign(body, `pieces-${name}`);
  const chunks: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const size = random.whole(1, Math.max(1, Math.ceil(body.length / random.whole(1, 8))));
    const part = body.subarray(at, at + size);
    const extension = random.pick(['', ';a=b', ';x="y"']);
    chunks.push(bytesOf(`${part.length.toString(16)}${extension}\r\n`), part, bytesOf('\r\n'));
    at += size;
  }
  chunks.push(bytesOf('0\r\n\r\n'));
  const expects: [string, string][] = random.chance(0.3) ? [['expect', '100-continue']] : [];
  const whole = writeRequest(
    `POST ${frontDoor} HTTP/1.1`,
    [['host', making.host], ...Object.entries(headers), ...expects, ['transfer-encoding', 'chunked']],
    Buffer.concat(chunks),
  );
  return { pieces: cut(random, whole), signed: [delivery], mustBeAccepted: true };
}

function cut(random: Random, whole: Buffer): Piece[] {
  if (random.chance(0.7)) return [whole];
  const at = random.whole(1, whole.length - 1);
  return [whole.subarray(0, at), { pauseMs: random.whole(0, 20) }, whole.subarray(at)];
}

export const signatureShapes: readonly Shape[] = [
  {
    name: 'unsigned',
    weight: 8,
    isWhole: true,
    make: (making) => ({ pieces: [writePost(making, {}, hostileBody(making.random, making.name))] }),
  },
  {
    name: 'wrong signature',
    weight: 14,
    isWhole: true,
    make: (making) => ({
      pieces: [writePost(making, wrongHeaders(making), hostileBody(making.random, making.name))],
    }),
  },
  {
    name: 'tampered',
    weight: 12,
    isWhole: true,
    make: (making) => ({ pieces: [tamper(making)] }),
  },
  {
    name: 'signed too long ago or ahead',
    weight: 2,
    isWhole: true,
    make: (making) => ({ pieces: [stale(making)] }),
  },
  {
    name: 'compressed, unsigned',
    weight: 2,
    isWhole: true,
    make: (making) => {
      const { body, encoding } = encodedBody(making.random, making.name);
      return { pieces: [writePost(making, { ...wrongHeaders(making), 'content-encoding': encoding }, body)] };
    },
  },
  {
    name: 'signed, hostile body',
    weight: 4,
    isWhole: true,
    make: (making) => signedTurn(making, hostileBody(making.random, making.name)),
  },
  {
    name: 'signed, compressed',
    weight: 1,
    isWhole: true,
    make: (making) => {
      const { body, encoding } = encodedBody(making.random, making.name);
      return signedTurn(making, body, { 'content-encoding': encoding });
    },
  },
  { name: 'signed, in pieces', weight: 1.5, isWhole: true, make: signedInPieces },
];
