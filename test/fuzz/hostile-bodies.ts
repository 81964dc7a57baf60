// Bodies that have broken readers of JSON before: huge, deep, cut, in other encodings, with NUL, halves of surrogate pairs,
// names that mean something to JavaScript, names that come twice, and numbers that no number holds. Signed or not, none may
// break anything.
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import type { Random } from '../../src/simulator/random.ts';

const kinds = ['liveness.verdict', 'face.matched', 'compliance.alert', 'session.teleported', ''] as const;

const nastyTexts = [
  '',
  '\\u0000',
  'a\\u0000b',
  '\\ud800',
  '\\udc00\\ud800',
  '\\ud83d\\ude00',
  '__proto__',
  'constructor',
  "' or 1=1; drop table deliveries; --",
  '$' + '{jndi:ldap://x/y}',
  '{{7*7}}',
  '<script>alert(1)</script>',
  '\\u202e\\u2066',
  '%00%0d%0aset-cookie:x',
  '\\r\\nX-Injected: 1',
  '../../../etc/passwd',
  '9999-12-31T23:59:59.999999-23:59',
  '0000-00-00T00:00:00Z',
  '-infinity',
  'NaN',
] as const;

const nastyValues = [
  'null',
  'true',
  '-0',
  '1e309',
  '-1e309',
  '1e-400',
  '123456789012345678901234567890',
  '0.1e1',
  '[]',
  '{}',
  '[null]',
  '{"__proto__":{"isAdmin":true}}',
  '{"constructor":{"prototype":{"isAdmin":true}}}',
  '{"toString":1,"hasOwnProperty":2}',
  '{"":""}',
] as const;

const fields = [
  'session_id',
  'verdict',
  'confidence',
  'reference_id',
  'camera_metadata',
  'location',
  'timestamp',
  'match_id',
  'similarity',
  'alert_id',
  'severity',
  'event',
  '__proto__',
  'constructor',
  'unknown_field',
] as const;

const broken = [
  '',
  '{',
  '{"event":"liveness.verdict"',
  'null',
  '"x"',
  '[1,2]',
  '{"a":1,}',
  "{'a':1}",
  '\u00ef\u00bb\u00bf{}',
  '{}{}',
  '{"a":01}',
  '{"a":NaN}',
  '\u0000',
  '{"event":"\u00c3\u0028"}',
] as const;

/** The body of a delivery that iLive could have sent, but for one field or several. */
function almostRight(random: Random, name: string): string {
  const base: [string, string][] = [
    ['event', `"${random.pick(kinds)}"`],
    ['session_id', `"fuzz-${name}"`],
    ['verdict', `"${random.pick(['pass', 'retry', 'fail'])}"`],
    ['confidence', '0.5'],
    ['reference_id', `"person-${random.whole(1, 500)}"`],
    ['match_id', `"match-${name}"`],
    ['similarity', '0.9'],
    ['alert_id', `"alert-${name}"`],
    ['severity', '"low"'],
    ['timestamp', '"2026-04-11T09:30:12.456789+00:00"'],
  ];
  for (let count = random.whole(1, 3); count > 0; count -= 1) {
    const field = random.pick(fields);
    const value = random.chance(0.5) ? `"${random.pick(nastyTexts)}"` : random.pick(nastyValues);
    const at = base.findIndex(([known]) => known === field);
    // Now and then both are there: a name that comes twice.
    if (at >= 0 && random.chance(0.7)) base[at] = [field, value];
    else base.splice(random.whole(0, base.length), 0, [field, value]);
  }
  return `{${base.map(([field, value]) => `"${field}":${value}`).join(',')}}`;
}

function deep(random: Random, name: string): string {
  const depth = random.pick([100, 1_000, 3_000, 10_000, 100_000]);
  const [open, close] = random.pick([
    ['[', ']'],
    ['{"a":', '}'],
  ] as const);
  const field = random.pick(['location', 'details', 'session_id', 'event']);
  const nest = `${open.repeat(depth)}1${random.chance(0.8) ? close.repeat(depth) : ''}`;
  return random.chance(0.5)
    ? nest
    : almostRight(random, name).replace('"severity"', `"${field}":${nest},"severity"`);
}

function huge(random: Random, name: string): string {
  const bytes = random.pick([10_000, 100_000, 900_000]);
  const filling = random.pick(['x', '\\u0000', '\\ud800', '"},{"a":"']);
  const long = filling.repeat(Math.floor(bytes / filling.length));
  const field = random.pick(['session_id', 'reference_id', 'location', 'verdict']);
  return `{"${field}":"${long}",${almostRight(random, name).slice(1)}`;
}

/** Bytes that are no JSON at all, or JSON in another encoding. */
function otherBytes(random: Random, name: string): Buffer {
  const text = almostRight(random, name);
  switch (random.whole(0, 4)) {
    case 0:
      return Buffer.from(text, 'utf16le');
    case 1:
      return Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]);
    case 2:
      return Buffer.from(Array.from({ length: random.whole(0, 300) }, () => random.whole(0, 255)));
    case 3: {
      const bytes = Buffer.from(text);
      bytes[random.whole(0, bytes.length - 1)] = random.whole(0, 255);
      return bytes;
    }
    default:
      return Buffer.from(text.slice(0, random.whole(0, text.length)));
  }
}

export function hostileBody(random: Random, name: string): Buffer {
  const dice = random.next();
  if (dice < 0.6) return Buffer.from(almostRight(random, name));
  if (dice < 0.72) return Buffer.from(random.pick(broken), 'latin1');
  if (dice < 0.96) return otherBytes(random, name);
  return Buffer.from(dice < 0.99 ? deep(random, name) : huge(random, name));
}

// What a megabyte of zeros becomes: the smallest body that would be the largest.
const bomb = gzipSync(Buffer.alloc(50_000_000), { level: 9 });

/** A compressed body and what its `content-encoding` says of it, which need not be true. */
export function encodedBody(random: Random, name: string): { body: Buffer; encoding: string } {
  const plain = Buffer.from(almostRight(random, name));
  const encoding = random.pick(['gzip', 'deflate', 'br', 'zstd', 'identity', 'gzip, gzip', 'x-unknown', '']);
  const body = random.pick([
    () => gzipSync(plain),
    () => deflateSync(plain),
    () => brotliCompressSync(plain, {}),
    () => gzipSync(gzipSync(plain)),
    () => plain,
    () => (random.chance(0.1) ? bomb : gzipSync(plain).subarray(0, 12)),
  ])();
  return { body, encoding };
}
