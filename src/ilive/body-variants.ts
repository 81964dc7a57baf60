// What may happen to the bytes of a body between the vendor's signature and us: each way of undoing one change that proxies
// and frameworks are known to make. The text of a variant says what was changed on the way, not what is done here.
import { gunzipSync } from 'node:zlib';

export interface BodyVariant {
  readonly body: Buffer;
  /** What happened to the body on its way, if this is the one that was signed. */
  readonly text: string;
}

// More than any payload of iLive's, and no more than is hashed of one refusal: a body that unpacks to more is a bomb.
const unzippedMaxBytes = 2 ** 20;
const reserializedMaxBytes = 256 * 1024;
// Deeper than any payload of iLive's. Who sends a refused request chooses how deep it nests: written anew it grows with its depth,
// and a function that follows it down ends with the stack.
const reserializedMaxDepth = 16;
const between = 'something between iLive and us';

/** The bodies that may have been signed instead of this one; none twice. */
export function bodyVariantsOf(body: Buffer): BodyVariant[] {
  const variants = [...whitespaceVariants(body), ...jsonVariants(body), ...gzipVariants(body)];
  const seen = new Set([body.toString('latin1')]);
  return variants.filter((variant) => {
    const text = variant.body.toString('latin1');
    if (seen.has(text)) return false;
    seen.add(text);
    return true;
  });
}

function whitespaceVariants(body: Buffer): BodyVariant[] {
  const text = body.toString('latin1');
  const variant = (changed: string, what: string): BodyVariant => ({
    body: Buffer.from(changed, 'latin1'),
    text: what,
  });
  const mark = '\xef\xbb\xbf';
  return [
    variant(text.replace(/\r?\n$/, ''), `without the newline at the end of the body: ${between} appends one`),
    variant(`${text}\n`, `with a newline at the end of the body: ${between} removes it`),
    variant(`${text}\r\n`, `with a line end (CRLF) at the end of the body: ${between} removes it`),
    variant(text.trim(), `without the white space around the body: ${between} adds it`),
    variant(
      text.startsWith(mark) ? text.slice(mark.length) : text,
      `without the byte order mark: ${between} adds it`,
    ),
    variant(`${mark}${text}`, `with a byte order mark: ${between} removes it`),
    variant(text.replaceAll('\r\n', '\n'), `with LF line ends: ${between} makes them CRLF`),
    variant(text.replaceAll(/\r?\n/g, '\r\n'), `with CRLF line ends: ${between} makes them LF`),
  ];
}

// What a framework does that parses the body and writes it anew: the signed form is one of the usual ones.
function jsonVariants(body: Buffer): BodyVariant[] {
  if (body.length > reserializedMaxBytes || isDeeperThan(body, reserializedMaxDepth)) return [];
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    return [];
  }
  const compact = JSON.stringify(value);
  const spaced = writeSpaced(value);
  const form = (text: string, name: string): BodyVariant => ({
    body: Buffer.from(text),
    text: `with the JSON of the body ${name}: ${between} parses it and writes it anew`,
  });
  return [
    form(compact, 'written without spaces'),
    form(spaced, 'written with a space behind each comma and colon'),
    form(JSON.stringify(value, null, 2), 'indented by two spaces'),
    form(JSON.stringify(value, null, 4), 'indented by four spaces'),
    form(JSON.stringify(sorted(value)), 'written without spaces, its keys sorted'),
    form(writeSpaced(sorted(value)), 'written with spaces, its keys sorted'),
    form(escaped(compact), 'written without spaces, in ASCII with \\u escapes'),
    form(escaped(spaced), 'written with spaces, in ASCII with \\u escapes'),
    form(compact.replaceAll('/', '\\/'), 'written without spaces, with escaped slashes'),
  ];
}

// Counts in the bytes, before anything is made of them; brackets inside of texts do not count.
function isDeeperThan(body: Buffer, maxDepth: number): boolean {
  let depth = 0;
  let isText = false;
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at];
    if (isText && byte === backslash) at += 1;
    else if (byte === quote) isText = !isText;
    else if (isText) continue;
    else if (byte === openBracket || byte === openBrace) depth += 1;
    else if (byte === closeBracket || byte === closeBrace) depth -= 1;
    if (depth > maxDepth) return true;
  }
  return false;
}

const [quote, backslash] = [0x22, 0x5c];
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];

function gzipVariants(body: Buffer): BodyVariant[] {
  if (body[0] !== 0x1f || body[1] !== 0x8b) return [];
  try {
    const unzipped = gunzipSync(body, { maxOutputLength: unzippedMaxBytes });
    return [{ body: unzipped, text: `with the body unpacked: ${between} compresses it` }];
  } catch {
    return [];
  }
}

function writeSpaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(writeSpaced).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(
    ([key, inner]) => `${JSON.stringify(key)}: ${writeSpaced(inner)}`,
  );
  return `{${members.join(', ')}}`;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

function escaped(text: string): string {
  return text.replaceAll(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
