// Proof that a delivery comes from iLive: an HMAC-SHA256 over the exact bytes received (guarantee 3). `verify` runs
// before anything parses the body and says why it refuses, from a closed list. `sign` stands beside it so that tests,
// the simulator and users make true signatures with the very same code.
//
// Documented: the header names, `sha256=<hex>`, Unix seconds, a secret per account, "the exact bytes of the body".
// ASSUMPTION 01: the signed string is `{timestamp}.{body}`; the formula could not be read, so it is a template.
// ASSUMPTION 02: the HMAC key is the secret's UTF-8 bytes; the encoding is configurable.
// ASSUMPTION 03: 300 seconds of tolerance both ways; the vendor's own figure could not be read.
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';

export const signatureHeader = 'x-ilive-signature';
export const timestampHeader = 'x-ilive-timestamp';
export const webhookIdHeader = 'x-ilive-webhook-id';

export const defaultTemplateText = '{timestamp}.{body}';
export const defaultTemplate = parseTemplate(defaultTemplateText) as Template;
export const defaultToleranceSeconds = 300;

export const signatureFailures = [
  'missing_signature', // no X-iLive-Signature header: unsigned, as legacy keys send it
  'malformed_signature', // not `sha256=` and 64 hex digits
  'missing_timestamp',
  'malformed_timestamp', // not a whole number of Unix seconds
  'missing_webhook_id', // the template signs {id} and the request has none
  'unknown_account', // the path names an account that has no secrets here
  'signature_mismatch', // none of the account's secrets gives this signature for these bytes
  'timestamp_too_old', // the signature is right, but it was made longer ago than the tolerance
  'timestamp_too_new', // the signature is right, but its time lies further ahead than the tolerance
] as const;
export type SignatureFailure = (typeof signatureFailures)[number];

export const secretEncodings = ['utf8', 'hex', 'base64'] as const;
export type SecretEncoding = (typeof secretEncodings)[number];

/** An HMAC key: bytes, or better what `signingKey` prepares. */
export type SigningKey = Buffer | KeyObject;

/** The three headers as received; each is undefined where the request has none. */
export interface SignatureHeaders {
  readonly signature: string | undefined;
  readonly timestamp: string | undefined;
  readonly webhookId: string | undefined;
}

/** Headers by their lower-case names. Node joins what comes several times; only cookies are lists. */
export type ReceivedHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Those of the headers that sign a request. */
export function signatureHeadersOf(headers: ReceivedHeaders): SignatureHeaders {
  const textOf = (name: string) => {
    const value = headers[name];
    return typeof value === 'string' ? value : undefined;
  };
  return {
    signature: textOf(signatureHeader),
    timestamp: textOf(timestampHeader),
    webhookId: textOf(webhookIdHeader),
  };
}

type TemplatePart = { readonly literal: string } | { readonly field: 'id' | 'timestamp' | 'body' };
export type Template = readonly TemplatePart[];

export interface VerifyOptions {
  readonly keys: readonly SigningKey[];
  readonly template: Template;
  readonly toleranceSeconds: number;
  readonly now: Date;
}

export type Verification =
  | { readonly ok: true; readonly keyIndex: number }
  | { readonly ok: false; readonly reason: SignatureFailure };

/** Verifies the received bytes against every key, in a time that does not show which one matched or how far. */
export function verify(headers: SignatureHeaders, body: Buffer, options: VerifyOptions): Verification {
  if (headers.signature === undefined) return refuse('missing_signature');
  const claimed = /^sha256=([0-9a-f]{64})$/i.exec(headers.signature.trim())?.[1];
  if (claimed === undefined) return refuse('malformed_signature');
  if (headers.timestamp === undefined) return refuse('missing_timestamp');
  if (!/^\d{1,12}$/.test(headers.timestamp)) return refuse('malformed_timestamp');
  const signsId = options.template.some((part) => 'field' in part && part.field === 'id');
  if (signsId && headers.webhookId === undefined) return refuse('missing_webhook_id');
  if (options.keys.length === 0) return refuse('unknown_account');

  const fields = { id: headers.webhookId ?? '', timestamp: headers.timestamp };
  const claimedDigest = Buffer.from(claimed, 'hex');
  let keyIndex = -1;
  for (const [index, key] of options.keys.entries()) {
    if (timingSafeEqual(digestOf(key, options.template, fields, body), claimedDigest)) keyIndex = index;
  }
  if (keyIndex === -1) return refuse('signature_mismatch');

  const ageSeconds = options.now.getTime() / 1000 - Number(headers.timestamp);
  if (ageSeconds > options.toleranceSeconds) return refuse('timestamp_too_old');
  if (ageSeconds < -options.toleranceSeconds) return refuse('timestamp_too_new');
  return { ok: true, keyIndex };
}

export interface SignOptions {
  readonly key: SigningKey;
  readonly template: Template;
  /** Unix seconds. */
  readonly timestamp: number;
  readonly webhookId: string;
}

/** The three headers, by their lower-case names, that iLive would send with these bytes. */
export function sign(
  body: Buffer,
  { key, template, timestamp, webhookId }: SignOptions,
): Record<string, string> {
  const hex = digestOf(key, template, { id: webhookId, timestamp: String(timestamp) }, body).toString('hex');
  return {
    [signatureHeader]: `sha256=${hex}`,
    [timestampHeader]: String(timestamp),
    [webhookIdHeader]: webhookId,
  };
}

/** The HMAC key that a secret stands for, prepared once: Node would prepare bytes anew for every signature. */
export function signingKey(secret: string, encoding: SecretEncoding): KeyObject {
  return createSecretKey(Buffer.from(secret, encoding));
}

/** The least that a secret in hex or base64 has to hold: of an empty key anybody can sign, and a few bytes can be tried. */
export const signingKeyMinBytes = 8;

/** What keeps a secret from being an HMAC key in that encoding, as the end of a sentence; undefined where nothing does. */
export function secretFlaw(secret: string, encoding: SecretEncoding): string | undefined {
  if (!isEncoded(secret, encoding)) return `is not ${encoding}`;
  if (encoding === 'utf8' || Buffer.from(secret, encoding).length >= signingKeyMinBytes) return undefined;
  return `is fewer than ${signingKeyMinBytes} bytes, read as ${encoding}`;
}

/** Whether the secret can be read in that encoding without losing a character. */
export function isEncoded(secret: string, encoding: SecretEncoding): boolean {
  if (encoding === 'utf8') return true;
  return encoding === 'hex' ? /^([0-9a-f]{2})+$/i.test(secret) : /^[A-Za-z0-9+/_-]+={0,2}$/.test(secret);
}

/** Reads a template such as `{timestamp}.{body}`; a text is the reason why it is none. `{body}` must occur once. */
export function parseTemplate(text: string): Template | string {
  const parts: TemplatePart[] = [];
  for (const piece of text.split(/(\{[^{}]*\})/).filter((piece) => piece !== '')) {
    const field = /^\{(.*)\}$/.exec(piece)?.[1];
    if (field === undefined) parts.push({ literal: piece });
    else if (field === 'id' || field === 'timestamp' || field === 'body') parts.push({ field });
    else return `${piece} is no field; the fields are {id}, {timestamp} and {body}`;
  }
  const bodyCount = parts.filter((part) => 'field' in part && part.field === 'body').length;
  return bodyCount === 1 ? parts : '{body} must occur exactly once';
}

/** The HMAC of what the template makes of the fields and the body. */
export function digestOf(
  key: SigningKey,
  template: Template,
  fields: { id: string; timestamp: string },
  body: Buffer,
): Buffer {
  const hmac = createHmac('sha256', key);
  for (const part of template) {
    if ('literal' in part) hmac.update(part.literal);
    else hmac.update(part.field === 'body' ? body : fields[part.field]);
  }
  return hmac.digest();
}

function refuse(reason: SignatureFailure): Verification {
  return { ok: false, reason };
}
