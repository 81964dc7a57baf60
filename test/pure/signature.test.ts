import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  defaultTemplate,
  isEncoded,
  parseTemplate,
  type SignatureFailure,
  type SigningKey,
  secretFlaw,
  sign,
  signingKey,
  type Template,
  verify,
} from '../../src/ilive/signature.ts';

const now = new Date('2026-04-11T09:30:12Z');
const timestamp = now.getTime() / 1000;
const key = signingKey('whsec_current', 'utf8');
const body = Buffer.from('{"event":"liveness.verdict"}');

function templateOf(text: string): Template {
  const template = parseTemplate(text);
  if (typeof template === 'string') throw new Error(template);
  return template;
}

const template = defaultTemplate;

function check(changes: {
  signature?: string | undefined;
  timestamp?: string | undefined;
  webhookId?: string | undefined;
  body?: Buffer;
  keys?: SigningKey[];
  at?: Date;
  template?: Template;
}) {
  const used = changes.template ?? template;
  const signed = sign(body, { key, template: used, timestamp, webhookId: 'id-1' });
  const headers = {
    signature: signed['x-ilive-signature'],
    timestamp: signed['x-ilive-timestamp'],
    webhookId: signed['x-ilive-webhook-id'],
    ...changes,
  };
  const options = {
    keys: changes.keys ?? [key],
    template: used,
    toleranceSeconds: 300,
    now: changes.at ?? now,
  };
  return verify(headers, changes.body ?? body, options);
}

test('the signature is HMAC-SHA256 over "<timestamp>.<body>" in hex, as any other implementation makes it', () => {
  const hex = createHmac('sha256', 'whsec_current').update(`${timestamp}.${body}`).digest('hex');
  expect(check({ signature: `sha256=${hex}` })).toEqual({ ok: true, keyIndex: 0 });
});

const ago = (seconds: number) => new Date(now.getTime() + seconds * 1000);

test.each<[SignatureFailure, Parameters<typeof check>[0]]>([
  ['missing_signature', { signature: undefined }],
  ['malformed_signature', { signature: 'md5=00' }],
  ['malformed_signature', { signature: `sha256=${'0'.repeat(63)}` }],
  ['malformed_signature', { signature: `sha256=${'0'.repeat(64)}, sha256=${'0'.repeat(64)}` }],
  ['missing_timestamp', { timestamp: undefined }],
  ['malformed_timestamp', { timestamp: '2026-04-11' }],
  ['malformed_timestamp', { timestamp: '-1' }],
  ['missing_webhook_id', { template: templateOf('{id}.{timestamp}.{body}'), webhookId: undefined }],
  ['unknown_account', { keys: [] }],
  ['signature_mismatch', { keys: [signingKey('whsec_other', 'utf8')] }],
  ['signature_mismatch', { body: Buffer.from('{"event":"liveness.verdict"} ') }],
  ['signature_mismatch', { timestamp: String(timestamp + 1) }],
  ['signature_mismatch', { template: templateOf('{id}.{timestamp}.{body}'), webhookId: 'id-2' }],
  ['timestamp_too_old', { at: ago(301) }],
  ['timestamp_too_new', { at: ago(-301) }],
])('refuses with %s', (reason, changes) => {
  expect(check(changes)).toEqual({ ok: false, reason });
});

test('guarantee 3: the tolerance holds to the second, both ways', () => {
  expect(check({ at: ago(300) }).ok).toBe(true);
  expect(check({ at: ago(-300) }).ok).toBe(true);
});

test('guarantee 3: any of several secrets is good, and the answer tells which', () => {
  const other = signingKey('whsec_next', 'utf8');
  expect(check({ keys: [other, key] })).toEqual({ ok: true, keyIndex: 1 });
});

test('guarantee 3: any change of any byte of any body is a mismatch', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (bytes, at, flip) => {
        const original = Buffer.from(bytes);
        const signed = sign(original, { key, template, timestamp, webhookId: 'x' });
        const changed = Buffer.from(original);
        changed[at % changed.length] = (changed[at % changed.length] ?? 0) ^ flip;
        const headers = {
          signature: signed['x-ilive-signature'],
          timestamp: String(timestamp),
          webhookId: 'x',
        };
        const options = { keys: [key], template, toleranceSeconds: 300, now };
        expect(verify(headers, original, options).ok).toBe(true);
        expect(verify(headers, changed, options).ok).toBe(false);
      },
    ),
  );
});

describe('templates', () => {
  test.each(['{body}', '{timestamp}{body}', '{id}:{timestamp}:{body}', 'v1:{timestamp}:{body}'])(
    'what is signed with %s verifies with it and with no other',
    (text) => {
      const used = templateOf(text);
      expect(check({ template: used }).ok).toBe(true);
      const signed = sign(body, { key, template: used, timestamp, webhookId: 'id-1' });
      expect(check({ signature: signed['x-ilive-signature'] })).toEqual({
        ok: false,
        reason: 'signature_mismatch',
      });
    },
  );

  test.each([
    ['{timestamp}', '{body} must occur exactly once'],
    ['', '{body} must occur exactly once'],
    ['{body}{body}', '{body} must occur exactly once'],
    ['{timestamp}.{payload}.{body}', '{payload} is no field; the fields are {id}, {timestamp} and {body}'],
  ])('%s is no template, and it is said why', (text, reason) => {
    expect(parseTemplate(text)).toBe(reason);
  });

  test('is read into its fields and the texts between them, and nothing else', () => {
    expect(parseTemplate('v1:{id}.{timestamp}{body}')).toEqual([
      { literal: 'v1:' },
      { field: 'id' },
      { literal: '.' },
      { field: 'timestamp' },
      { field: 'body' },
    ]);
  });

  test('that does not sign the webhook id asks for none', () => {
    expect(check({ webhookId: undefined })).toEqual({ ok: true, keyIndex: 0 });
  });
});

test('white space around a signature is no part of it', () => {
  const signed = sign(body, { key, template, timestamp, webhookId: 'id-1' });
  expect(check({ signature: ` ${signed['x-ilive-signature']} ` }).ok).toBe(true);
});

test.each([
  ['utf8', 'anything at all', true],
  ['hex', '00ff', true],
  ['hex', '00FF', true],
  ['hex', '0', false],
  ['hex', '00f', false],
  ['hex', '', false],
  ['hex', 'zz', false],
  ['hex', '00 ff', false],
  ['hex', ' 00', false],
  ['base64', 'AP8=', true],
  ['base64', 'AP8', true],
  ['base64', 'A-_+/w==', true],
  ['base64', '=', false],
  ['base64', 'AP8===', false],
  ['base64', ' AP8=', false],
  ['base64', 'AP8= ', false],
  ['base64', 'A P8', false],
] as const)('as %s, that "%s" is a secret is %s', (encoding, secret, isOne) => {
  expect(isEncoded(secret, encoding)).toBe(isOne);
});

test.each([
  ['utf8', 'x', undefined],
  ['hex', 'a5'.repeat(7), 'is fewer than 8 bytes, read as hex'],
  ['hex', 'a5'.repeat(16), undefined],
  ['base64', 'A', 'is fewer than 8 bytes, read as base64'],
  ['base64', '--', 'is fewer than 8 bytes, read as base64'],
  ['base64', Buffer.alloc(16).toString('base64'), undefined],
  ['base64', 'no base64!', 'is not base64'],
] as const)('as %s, what keeps "%s" from being a key is: %s', (encoding, secret, flaw) => {
  expect(secretFlaw(secret, encoding)).toBe(flaw);
});

test('a secret can be given as hex or base64', () => {
  expect(signingKey('00ff', 'hex').export()).toEqual(Buffer.from([0, 255]));
  expect(signingKey('AP8=', 'base64').export()).toEqual(Buffer.from([0, 255]));
});
