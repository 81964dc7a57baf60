// Bytes that two readers of HTTP could read in two ways, or in none: lengths that contradict each other, chunks that are none,
// headers that are folded or smuggled, targets and methods that nobody expects, heads that never end, and clients that are slow
// or go away. What is hidden in them is a delivery that nobody signed; it must not get in.
import {
  bytesOf,
  frontDoor,
  type Making,
  type Piece,
  type Shape,
  type Turn,
  writePost,
  writeRequest,
} from './talk.ts';

/** A request that is to get in unseen behind another. */
function hidden(making: Making): string {
  return [
    `POST ${frontDoor} HTTP/1.1`,
    `host: ${making.host}`,
    `x-ilive-webhook-id: hidden-${making.name}`,
    `x-ilive-timestamp: ${Math.floor(Date.now() / 1000)}`,
    `x-ilive-signature: sha256=${'0'.repeat(64)}`,
    'content-length: 2',
    '',
    '{}',
  ].join('\r\n');
}

const lengths = [
  '-1',
  '+5',
  '5.0',
  '0x5',
  '5, 5',
  '5 5',
  '5,6',
  '99999999999999999999',
  '9223372036854775808',
  '005',
  '',
  'abc',
  '5\u0000',
  '1e3',
] as const;

const encodings = [
  'chunked',
  'Chunked',
  ' chunked',
  'chunked ',
  'xchunked',
  'chunked, identity',
  'identity, chunked',
  'gzip, chunked',
  'chunked, chunked',
  'identity',
  '\u000bchunked',
  '"chunked"',
  'chunked;q=1',
] as const;

// In the order of RFC 9112: which of the two a reader believes.
function twoLengths(making: Making): Turn {
  const { random } = making;
  const inner = hidden(making);
  const chunk = `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`;
  const body = random.pick([`0\r\n\r\n${inner}`, chunk, `5\r\nhello\r\n0\r\n\r\n${inner}`, inner]);
  const length = String(random.pick([body.length, 0, 3, 5, inner.length]));
  const te: [string, string] = ['transfer-encoding', random.pick(encodings)];
  const cl: [string, string] = ['content-length', length];
  const pairs = random.pick([
    [te, cl],
    [cl, te],
    [cl, ['content-length', String(body.length)]],
    [te, ['transfer-encoding', random.pick(encodings)]],
    [te],
  ] as [string, string][][] as [[string, string][], ...[string, string][][]]);
  const name = random.pick([
    'transfer-encoding',
    'Transfer-Encoding',
    'transfer_encoding',
    'transfer-encoding ',
  ]);
  const spelled = pairs.map(([key, value]): [string, string] => [
    key === 'transfer-encoding' ? name : key,
    value,
  ]);
  return {
    pieces: [writeRequest(`POST ${frontDoor} HTTP/1.1`, [['host', making.host], ...spelled], bytesOf(body))],
    requestCount: 2,
  };
}

function strangeLength(making: Making): Turn {
  const head: [string, string][] = [
    ['host', making.host],
    ['content-length', making.random.pick(lengths)],
  ];
  return { pieces: [writeRequest(`POST ${frontDoor} HTTP/1.1`, head, bytesOf('hello'))] };
}

const lineEndings = [
  // Folded headers, lonely ends of lines, spaces and bytes where none may be.
  'x-folded: a\r\n  b: c\r\n',
  'x-bare: a\nx-other: b\n',
  'x-bare: a\rx-other: b\r\n',
  'x-space : a\r\n',
  ' x-first: a\r\n',
  'x-nul: a\u0000b\r\n',
  'x-\u0001: a\r\n',
  ': no name\r\n',
  'no colon\r\n',
  '\r\n\r\n',
  'x-high: \u00ff\u00fe\r\n',
  'host: other\r\nhost: third\r\n',
  'content-length: 5\ncontent-length: 500\r\n',
  'transfer-encoding:\r\n chunked\r\n',
  'connection: close, transfer-encoding\r\n',
  'connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n',
  'upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: x\r\n',
  'x-forwarded-for: 127.0.0.1\r\nx-forwarded-host: evil\r\nx-http-method-override: GET\r\nx-original-url: /v1/ops/keys\r\n',
  '__proto__: a\r\nconstructor: b\r\ntoString: c\r\n',
] as const;

function strangeHead(making: Making): Turn {
  const start = `POST ${frontDoor} HTTP/1.1\r\nhost: ${making.host}\r\n`;
  const end = making.random.pick(['content-length: 2\r\n\r\n{}', 'content-length: 2\n\n{}', '\r\n']);
  const inner = making.random.chance(0.3) ? hidden(making) : '';
  return { pieces: [bytesOf(start + making.random.pick(lineEndings) + end + inner)] };
}

function chunks(making: Making): Turn {
  const { random } = making;
  // A signature that is right and stands in a trailer has signed nothing.
  const { headers } = making.sign(bytesOf('{}'), `trailer-${making.name}`);
  const trailers = Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  const body = random.pick([
    `2\r\n{}\r\n0\r\n${trailers}\r\n`,
    '2\r\n{}\r\n0\r\nx-trailer: a\r\n\r\n',
    'g\r\n{}\r\n0\r\n\r\n',
    '-2\r\n{}\r\n0\r\n\r\n',
    'ffffffffffffffff\r\n{}\r\n0\r\n\r\n',
    '100000000\r\n{}\r\n0\r\n\r\n',
    '2;ext="\r\n{}\r\n0\r\n\r\n',
    '0x2\r\n{}\r\n0\r\n\r\n',
    '2\n{}\n0\n\n',
    '2\r\n{}0\r\n\r\n',
    ' 2\r\n{}\r\n0\r\n\r\n',
    `2;${'x'.repeat(random.pick([10, 20_000]))}\r\n{}\r\n0\r\n\r\n`,
    `${'1\r\na\r\n'.repeat(random.pick([10, 2_000]))}0\r\n\r\n`,
    '00000000000000000000002\r\n{}\r\n0\r\n\r\n',
  ]);
  const head: [string, string][] = [
    ['host', making.host],
    ['transfer-encoding', 'chunked'],
  ];
  return { pieces: [writeRequest(`POST ${frontDoor} HTTP/1.1`, head, bytesOf(body))] };
}

function expecting(making: Making): Turn {
  const { random } = making;
  const expect = random.pick(['100-continue', '100-Continue', '200-ok', '100-continue, 100-continue', '']);
  const length = random.pick(['2', '2000000', '0']);
  const head: [string, string][] = [
    ['host', making.host],
    ['expect', expect],
    ['content-length', length],
  ];
  const body = length === '2' ? '{}' : '';
  return {
    pieces: [writeRequest(`POST ${frontDoor} HTTP/1.1`, head, bytesOf(body))],
    leaves: length === '2000000',
  };
}

function tooLarge(making: Making): Turn {
  const { random } = making;
  const declared = random.chance(0.8);
  const head: [string, string][] = [
    ['host', making.host],
    declared ? ['content-length', '5000000'] : ['transfer-encoding', 'chunked'],
  ];
  const body = declared ? bytesOf('{"a":') : bytesOf(`10000\r\n${'x'.repeat(65_536)}\r\n`.repeat(17));
  return { pieces: [writeRequest(`POST ${frontDoor} HTTP/1.1`, head, body)], leaves: true };
}

// The service's own limit has to end these: nothing more comes. At least one byte is sent: behind a request that was answered,
// none at all would be a connection that is idle, which may stay open for longer.
function slow(making: Making): Turn {
  const { random } = making;
  const whole = writePost(making, {}, bytesOf(`{"event":"${'x'.repeat(random.whole(0, 200))}"}`));
  const until = random.whole(1, whole.length - 1);
  const pieces: Piece[] = [];
  const step = Math.ceil(until / random.whole(1, 8)) || 1;
  for (let at = 0; at < until; at += step) {
    pieces.push(whole.subarray(at, Math.min(at + step, until)), { pauseMs: random.whole(0, 300) });
  }
  return { pieces, isLast: true };
}

function leaving(making: Making): Turn {
  const { random } = making;
  const whole = writePost(making, making.sign(bytesOf('{}'), 'left').headers, bytesOf('{}'));
  const cutOff = whole.subarray(0, random.whole(1, whole.length - 1));
  return { pieces: [cutOff, { pauseMs: random.whole(0, 5) }], leaves: true };
}

function noise({ random }: Making): Turn {
  const bytes = Buffer.from(Array.from({ length: random.whole(1, 400) }, () => random.whole(0, 255)));
  const start = random.pick([
    '',
    'POST /webhooks/ilive HTTP/1.1\r\n',
    '\u0016\u0003\u0001',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  ]);
  return { pieces: [Buffer.concat([bytesOf(start), bytes, bytesOf('\r\n\r\n')])] };
}

function manyAtOnce(making: Making): Turn {
  const { random } = making;
  const count = random.whole(10, 40);
  const requests = Array.from({ length: count }, (_, place) =>
    writePost(making, { 'x-ilive-signature': `sha256=${place}` }, bytesOf(random.pick(['{}', '', '[', 'x']))),
  );
  return { pieces: [Buffer.concat(requests)], requestCount: count };
}

export const framingShapes: readonly Shape[] = [
  { name: 'two lengths, smuggled', weight: 5, isWhole: false, make: twoLengths },
  { name: 'strange length', weight: 3, isWhole: false, make: strangeLength },
  { name: 'strange head', weight: 5, isWhole: false, make: strangeHead },
  { name: 'strange chunks', weight: 3, isWhole: false, make: chunks },
  { name: 'expect', weight: 1, isWhole: false, make: expecting },
  { name: 'too large', weight: 0.3, isWhole: false, make: tooLarge },
  { name: 'slow, or never whole', weight: 0.5, isWhole: false, make: slow },
  { name: 'gone in the middle', weight: 1, isWhole: false, make: leaving },
  { name: 'noise', weight: 2, isWhole: false, make: noise },
  { name: 'pipelined', weight: 2, isWhole: true, make: manyAtOnce },
];
