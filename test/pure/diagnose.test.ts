// A refusal is explained: for each thing that goes wrong between a vendor and us, the sentence that says so.
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type DiagnosisInput, diagnose, type KnownSecret } from '../../src/ilive/diagnose.ts';
import {
  parseTemplate,
  type SecretEncoding,
  sign,
  signingKey,
  type Template,
} from '../../src/ilive/signature.ts';
import { Secret } from '../../src/secret.ts';

const current = 'whsec_current_secret';
const previous = 'whsec_previous_secret';
const foreign = 'whsec_secret_of_acme';
const known = (account: string, name: string, text: string, state: KnownSecret['state']): KnownSecret => ({
  account,
  name,
  secret: new Secret(text),
  state,
});
const secrets = [
  known('default', 'environment-1', current, 'active'),
  known('default', '2025', previous, 'retired'),
  known('acme', 'environment-1', foreign, 'active'),
];
const receivedAt = new Date('2026-11-24T03:00:00Z');
const template = (text: string): Template => {
  const parsed = parseTemplate(text);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
};
const configured = template('{timestamp}.{body}');
const json = '{"event":"liveness.verdict","session_id":"a/b","name":"Zoë","list":[1,{"b":2,"a":1}]}';

interface Signed {
  readonly secret?: string;
  readonly encoding?: SecretEncoding;
  readonly template?: string;
  /** The body that was signed. */
  readonly body?: string | Buffer;
  /** The body as it came. */
  readonly received?: string | Buffer;
  readonly secondsOff?: number;
  readonly header?: (signature: string) => string | undefined;
  readonly account?: string;
  readonly timestamp?: (timestamp: string) => string | undefined;
}

function refused(signed: Signed = {}): DiagnosisInput {
  const body = Buffer.from(signed.body ?? json);
  const timestamp = Math.floor(receivedAt.getTime() / 1000) - (signed.secondsOff ?? 0);
  const headers = sign(body, {
    key: signingKey(signed.secret ?? current, signed.encoding ?? 'utf8'),
    template: template(signed.template ?? '{timestamp}.{body}'),
    timestamp,
    webhookId: 'w-1',
  });
  const signature = headers['x-ilive-signature'] ?? '';
  return {
    account: signed.account ?? 'default',
    reason: 'signature_mismatch',
    headers: {
      signature: signed.header === undefined ? signature : signed.header(signature),
      timestamp: signed.timestamp === undefined ? String(timestamp) : signed.timestamp(String(timestamp)),
      webhookId: 'w-1',
    },
    body: Buffer.from(signed.received ?? body),
    receivedAt,
  };
}

const options = {
  secrets,
  encoding: 'utf8',
  template: configured,
  toleranceSeconds: 300,
  maxHashedBytes: 8e6,
} as const;
const findingsOf = (signed: Signed, changes: Partial<Parameters<typeof diagnose>[1]> = {}) =>
  diagnose(refused(signed), { ...options, ...changes }).findings;
const value = JSON.parse(json) as object;
const spaced = json.replaceAll(',', ', ').replaceAll(':', ': ');

describe('one thing is wrong', () => {
  test.each<[string, Signed, RegExp]>([
    [
      'the previous secret',
      { secret: previous },
      /^matches the previous secret "2025", which no longer counts$/,
    ],
    [
      'another account',
      { secret: foreign },
      /"environment-1" of the account "acme": the path names the wrong account/,
    ],
    ['an unknown account', { account: 'typo' }, /of the account "default": the path names the wrong account/],
    [
      'the id is signed',
      { template: '{id}.{timestamp}.{body}' },
      /signed string \{id\}\.\{timestamp\}\.\{body\}: set/,
    ],
    [
      'only the body is signed',
      { template: '{body}' },
      /signed string \{body\}: set ILIVE_SIGNATURE_TEMPLATE/,
    ],
    [
      'a version stands in front',
      { template: 'v0:{timestamp}:{body}' },
      /signed string v0:\{timestamp\}:\{body\}/,
    ],
    ['a line end is signed', { template: '{timestamp}\n{body}' }, /signed string \{timestamp\}\\n\{body\}/],
    [
      'a newline was appended',
      { received: `${json}\n` },
      /^matches without the newline at the end .* appends one$/,
    ],
    ['a CRLF was appended', { received: `${json}\r\n` }, /without the newline at the end .* appends one$/],
    [
      'a newline was removed',
      { body: `${json}\n`, received: json },
      /with a newline at the end .* removes it$/,
    ],
    ['white space was added', { received: `  ${json} ` }, /without the white space around the body/],
    ['a mark was added', { received: `\ufeff${json}` }, /without the byte order mark/],
    [
      'a mark was removed',
      { body: `\ufeff${json}`, received: json },
      /with a byte order mark: .* removes it/,
    ],
    ['CRLF for LF', { body: '{\n"a":1\n}', received: '{\r\n"a":1\r\n}' }, /with LF line ends: .* CRLF/],
    ['spaces were added', { received: spaced }, /written without spaces: .* writes it anew/],
    [
      'spaces were removed',
      { body: spaced, received: JSON.stringify(JSON.parse(spaced)) },
      /a space behind each comma/,
    ],
    [
      'it was indented',
      { received: JSON.stringify(value, null, 2) },
      /written without spaces: .* writes it anew/,
    ],
    [
      'escapes were resolved',
      { body: json.replace('ë', '\\u00eb'), received: json },
      /in ASCII with \\u escapes/,
    ],
    ['slashes were escaped', { body: json.replaceAll('/', '\\/'), received: json }, /with escaped slashes/],
    [
      'keys were reordered',
      { body: '{"a":1,"b":2}', received: '{"b":2,"a":1}' },
      /without spaces, its keys sorted/,
    ],
    ['it was compressed', { received: gzipSync(json) }, /with the body unpacked: .* compresses it/],
    ['our clock was ahead', { secondsOff: 600 }, /^the signature is right; our clock was 10 minutes ahead/],
    ['it verifies by now', {}, /^the signature is right with the secrets of now: .* refusals reverify$/],
  ])('%s', (_what, signed, sentence) => {
    expect(findingsOf(signed)[0]).toMatch(sentence);
  });

  test.each<[SecretEncoding, string]>([
    ['hex', randomBytes(24).toString('hex')],
    ['base64', randomBytes(24).toString('base64')],
  ])('the secret is %s', (encoding, secret) => {
    const findings = findingsOf({ secret, encoding }, { secrets: [known('default', 'a', secret, 'active')] });
    expect(findings).toEqual([
      `matches with the secret read as ${encoding}: set ILIVE_SECRET_ENCODING=${encoding}`,
    ]);
  });
});

test.each([
  [600, "our clock was 10 minutes ahead of iLive's, or it came 10 minutes late", '=10m'],
  [-600, "our clock was 10 minutes behind iLive's", '=-10m'],
  // Past a whole hour the command still says the minutes: an hour's half would keep them refused.
  [9_000, "our clock was 3 hours ahead of iLive's, or it came 3 hours late", '=150m'],
  [90_000, "our clock was 25 hours ahead of iLive's, or it came 25 hours late", undefined],
])('a clock that was %d seconds off is told first, with the command', (secondsOff, sentence, offset) => {
  const command =
    offset === undefined ? 'admit --reason timestamp_too_old' : `reverify --clock-offset${offset}`;
  const whole = `the signature is right; ${sentence}: ilive-webhooks refusals ${command}`;
  expect(findingsOf({ secondsOff })).toEqual([whole]);
  expect(findingsOf({ secondsOff, secret: previous })[1]).toBe(sentence);
  const ofTime = { ...refused({ secondsOff, secret: previous }), reason: 'timestamp_too_old' } as const;
  expect(diagnose(ofTime, options).findings[0]).toBe(sentence);
});

test('a small tolerance has the offset told more finely', () => {
  expect(findingsOf({ secondsOff: 614 }, { toleranceSeconds: 10 })[0]).toMatch(/--clock-offset=614s$/);
});

const byRemedy: [string, Signed][] = [
  ['reverify', {}],
  ['clock', { secondsOff: 600 }],
  ['retired', { secret: previous }],
  ['setting', { template: '{body}' }],
  ['admit', { received: `${json}\n` }],
  ['admit', { header: (signature) => signature.slice('sha256='.length) }],
  ['none', { secret: 'a stranger' }],
];

test.each(byRemedy)('what there is to do about it is told to the machine too: %s', (remedy, signed) => {
  expect(diagnose(refused(signed), options).remedy).toBe(remedy);
});

test('guarantee 13: two and three things that are wrong at once are told together, and nothing more than needed', () => {
  expect(findingsOf({ secret: previous, received: `${json}\n` })).toEqual([
    expect.stringMatching(/^matches the previous secret .*; and without the newline at the end of the body/),
  ]);
  const three = findingsOf({ secret: previous, template: '{body}', received: `${json}\n` });
  expect(three[0]?.split('; and ')).toHaveLength(3);
});

test.each<[string, (signature: string) => string]>([
  ['bare hex', (signature) => signature.slice('sha256='.length)],
  ['base64', (signature) => Buffer.from(signature.slice('sha256='.length), 'hex').toString('base64')],
  ['a version', (signature) => `t=1,v1=${signature.slice('sha256='.length)}`],
])('a right signature in another form (%s) is told as such', (_form, header) => {
  expect(findingsOf({ header })).toContain('the signature header is not of the form sha256=<hex>');
  expect(findingsOf({ header })[0]).toMatch(/^the signature is right/);
});

test('headers that are missing or malformed are told', () => {
  expect(findingsOf({ header: () => undefined })).toEqual([
    expect.stringMatching(/^came without a signature/),
  ]);
  expect(findingsOf({ header: () => 'junk' })).toEqual([expect.stringMatching(/holds no SHA-256/)]);
  expect(findingsOf({ template: '{body}', timestamp: () => undefined })).toEqual([
    expect.stringMatching(/signed string \{body\}/),
    'it came without a timestamp',
  ]);
  expect(findingsOf({ template: '{body}', timestamp: (text) => `${text}000` })).toContain(
    'its timestamp is in milliseconds, where seconds are documented',
  );
});

test('junk matches nothing, also where a secret makes no key; an account without secrets is named', () => {
  const nothing = [expect.stringMatching(/^nothing that we know matches/)];
  expect(findingsOf({ secret: 'a stranger' })).toEqual(nothing);
  const noKey = [known('default', 'a', '!', 'active')];
  expect(findingsOf({ secret: '' }, { encoding: 'base64', secrets: noKey })).toEqual(nothing);
  expect(findingsOf({ secret: 'junk', account: '\u009b\u202e' })[0]).toContain('"\\u{9b}\\u{202e}"');
  const long = findingsOf({ secret: 'junk', account: 'x'.repeat(100) })[0];
  expect(long).toMatch(/^the path names the account "x{40}…", which has no secrets here/);
});

test('the work is bounded, and the diagnosis says when it ended early', () => {
  const body = randomBytes(1_000_000);
  const search = (maxHashedBytes: number) =>
    diagnose(refused({ secret: 'a stranger', body }), { ...options, maxHashedBytes });
  expect(search(2_000_000).isComplete).toBe(false);
  expect(diagnose(refused({ secret: 'a stranger' }), options).isComplete).toBe(true);
  // What differs least is tried first, so that the usual reasons are found within the limit.
  const found = diagnose(refused({ secret: previous, body }), { ...options, maxHashedBytes: 8_000_000 });
  expect(found.findings[0]).toMatch(/previous secret/);
});

test('no sentence holds a secret', () => {
  const all = [
    {},
    { secret: previous },
    { secret: foreign },
    { secret: 'a stranger' },
    { template: '{body}' },
  ];
  const text = all.flatMap((signed) => findingsOf(signed)).join('\n');
  for (const secret of [current, previous, foreign]) expect(text).not.toContain(secret);
});
