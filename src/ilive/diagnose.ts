// Why a request did not verify: what would have matched. It tries the secrets that we know, the other ways to read them, the
// other strings that vendors sign and the bodies that may have been signed, those first that differ least from what is
// configured, and says in a sentence what it found. It only explains: nothing is let in because of it. No sentence holds
// a secret, and the work is bounded, since whoever sends junk decides how often it is done.
import { timingSafeEqual } from 'node:crypto';
import type { Secret } from '../secret.ts';
import { bodyVariantsOf } from './body-variants.ts';
import {
  digestOf,
  isEncoded,
  parseTemplate,
  type SecretEncoding,
  type SignatureFailure,
  type SignatureHeaders,
  type SigningKey,
  secretEncodings,
  signingKey,
  type Template,
} from './signature.ts';

export interface KnownSecret {
  readonly account: string;
  readonly name: string;
  readonly secret: Secret;
  readonly state: 'active' | 'retiring' | 'retired';
}

export interface DiagnosisInput {
  /** The account that the path named. */
  readonly account: string;
  readonly reason: SignatureFailure;
  readonly headers: SignatureHeaders;
  readonly body: Buffer;
  readonly receivedAt: Date;
}

export interface DiagnosisOptions {
  /** All accounts' secrets, those too that no longer count. */
  readonly secrets: readonly KnownSecret[];
  readonly encoding: SecretEncoding;
  readonly template: Template;
  readonly toleranceSeconds: number;
  /** Where the search ends, in bytes that were hashed. */
  readonly maxHashedBytes: number;
}

export interface Diagnosis {
  /** One at least. */
  readonly findings: readonly string[];
  /** False when the limit ended the search before everything was tried. */
  readonly isComplete: boolean;
}

// The strings that vendors of webhooks are known to sign.
const plausibleTemplates = [
  '{timestamp}.{body}',
  '{id}.{timestamp}.{body}',
  '{body}',
  '{timestamp}{body}',
  '{timestamp}:{body}',
  '{timestamp}\n{body}',
  '{timestamp}.{id}.{body}',
  '{id}{timestamp}{body}',
  '{timestamp}{id}{body}',
  '{id}.{body}',
  'v0:{timestamp}:{body}',
  'v1:{timestamp}:{body}',
  'v1.{timestamp}.{body}',
  '{body}.{timestamp}',
  '{body}{timestamp}',
];

const maxDeviations = 3;
const keyMinChars = 16;
const maxFindings = 5;

interface Option<T> {
  readonly value: T;
  /** What differs from the configuration, as part of a sentence; undefined for what is configured. */
  readonly text: string | undefined;
}

/** Says what would have made the request match, the likeliest first. */
export function diagnose(input: DiagnosisInput, options: DiagnosisOptions): Diagnosis {
  if (input.headers.signature === undefined) {
    return only(
      'came without a signature: not iLive, a proxy that drops headers, or a session of a legacy key',
    );
  }
  const claimed = readClaimed(input.headers.signature);
  if (claimed === undefined) return only('the signature header holds no SHA-256 in hexadecimal or base64');
  const search = searchMatches(input, options, claimed.digest);
  const form = claimed.isUsual ? [] : ['the signature header is not of the form sha256=<hex>'];
  if (search.matches.length > 0) {
    const clock = clockFinding(input, options.toleranceSeconds);
    return {
      findings: [...search.matches.slice(0, maxFindings), ...form, ...(clock === undefined ? [] : [clock])],
      isComplete: true,
    };
  }
  const known = options.secrets.some(({ account }) => account === input.account);
  const nothing = known
    ? 'nothing that we know matches: the secret is another one, or it does not come from iLive'
    : `the path names the account "${shown(input.account)}", which has no secrets here, and no other account's matches`;
  const soFar = search.isComplete ? [] : ['not everything was tried: the body is large'];
  return { findings: [nothing, ...form, ...soFar], isComplete: search.isComplete };
}

function searchMatches(
  input: DiagnosisInput,
  options: DiagnosisOptions,
  claimed: Buffer,
): { matches: string[]; isComplete: boolean } {
  const keys = keysOf(input.account, options);
  const templates = templatesOf(input.headers, options.template);
  const bodies: Option<Buffer>[] = [
    { value: input.body, text: undefined },
    ...bodyVariantsOf(input.body).map(({ body, text }) => ({ value: body, text })),
  ];
  const fields = { id: input.headers.webhookId ?? '', timestamp: input.headers.timestamp ?? '' };
  let leftBytes = options.maxHashedBytes;
  for (let deviations = 0; deviations <= maxDeviations; deviations += 1) {
    const matches: string[] = [];
    // The secrets turn fastest: a wrong secret is likelier than a wrong template, and that than a changed body.
    for (const body of bodies) {
      for (const template of templates) {
        for (const key of keys) {
          const parts = [...key.texts, template.text, body.text].filter((text) => text !== undefined);
          if (parts.length !== deviations) continue;
          leftBytes -= body.value.length;
          if (leftBytes < 0) return { matches, isComplete: false };
          const digest = digestOf(key.value, template.value, fields, body.value);
          if (timingSafeEqual(digest, claimed)) matches.push(sentenceOf(parts));
        }
      }
    }
    if (matches.length > 0) return { matches: [...new Set(matches)], isComplete: true };
  }
  return { matches: [], isComplete: true };
}

function sentenceOf(parts: readonly string[]): string {
  if (parts.length === 0)
    return 'the signature is right: with the secrets of now it matches, and reverify judges it anew';
  return `matches ${parts.join('; and ')}`;
}

function keysOf(
  account: string,
  { secrets, encoding }: DiagnosisOptions,
): { value: SigningKey; texts: string[] }[] {
  const encodings = [encoding, ...secretEncodings.filter((other) => other !== encoding)];
  return secrets.flatMap((secret) =>
    encodings.flatMap((each) => {
      const text = secret.secret.reveal();
      // Any word is base64; only a text that is long enough to be a key is read in another encoding.
      if (each !== encoding && (text.length < keyMinChars || !isEncoded(text, each))) return [];
      const whose = whoseText(secret, account);
      const how =
        each === encoding ? undefined : `with the secret read as ${each}: set ILIVE_SECRET_ENCODING=${each}`;
      return [{ value: signingKey(text, each), texts: [whose, how].filter((part) => part !== undefined) }];
    }),
  );
}

function whoseText({ account, name, state }: KnownSecret, asked: string): string | undefined {
  if (account !== asked)
    return `the secret "${name}" of the account "${account}": the path names the wrong account`;
  return state === 'retired' ? `the previous secret "${name}", which no longer counts` : undefined;
}

function templatesOf(headers: SignatureHeaders, configured: Template): Option<Template>[] {
  const written = writeTemplate(configured);
  const others = plausibleTemplates.filter((text) => text !== written);
  const all: Option<Template>[] = [
    { value: configured, text: undefined },
    ...others.flatMap((text) => {
      const value = parseTemplate(text);
      const shownText = text.replaceAll('\n', '\\n');
      const finding = `with the signed string ${shownText}: set ILIVE_SIGNATURE_TEMPLATE to it`;
      return typeof value === 'string' ? [] : [{ value, text: finding }];
    }),
  ];
  const needs = (template: Template, field: 'id' | 'timestamp') =>
    template.some((part) => 'field' in part && part.field === field);
  return all.filter(
    ({ value }) =>
      (headers.webhookId !== undefined || !needs(value, 'id')) &&
      (headers.timestamp !== undefined || !needs(value, 'timestamp')),
  );
}

function writeTemplate(template: Template): string {
  return template.map((part) => ('literal' in part ? part.literal : `{${part.field}}`)).join('');
}

function readClaimed(header: string): { digest: Buffer; isUsual: boolean } | undefined {
  const text = header.trim();
  const usual = /^sha256=([0-9a-f]{64})$/i.exec(text)?.[1];
  if (usual !== undefined) return { digest: Buffer.from(usual, 'hex'), isUsual: true };
  const hex = /(?:^|[=,\s])([0-9a-f]{64})(?=$|[,\s])/i.exec(text)?.[1];
  if (hex !== undefined) return { digest: Buffer.from(hex, 'hex'), isUsual: false };
  const base64 = /(?:^|[=,\s])([A-Za-z0-9+/_-]{43}=?)$/.exec(text)?.[1];
  const digest = Buffer.from(base64 ?? '', 'base64');
  return digest.length === 32 ? { digest, isUsual: false } : undefined;
}

function clockFinding({ headers, receivedAt }: DiagnosisInput, toleranceSeconds: number): string | undefined {
  const { timestamp } = headers;
  if (timestamp === undefined) return 'it came without a timestamp';
  if (!/^\d{1,13}$/.test(timestamp)) return 'its timestamp is no number of seconds';
  if (timestamp.length > 12) return 'its timestamp is in milliseconds, where seconds are documented';
  const aheadSeconds = Math.round(receivedAt.getTime() / 1000 - Number(timestamp));
  if (Math.abs(aheadSeconds) <= toleranceSeconds) return undefined;
  const span = spanOf(Math.abs(aheadSeconds));
  return aheadSeconds > 0
    ? `our clock is ${span} ahead of iLive's, or the request came ${span} late`
    : `our clock is ${span} behind iLive's`;
}

function spanOf(seconds: number): string {
  if (seconds < 120) return `${seconds} seconds`;
  if (seconds < 2 * 3600) return `${Math.round(seconds / 60)} minutes`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} hours`;
  return `${Math.round(seconds / 86_400)} days`;
}

function only(finding: string): Diagnosis {
  return { findings: [finding], isComplete: true };
}

const shownChars = 40;

function shown(account: string): string {
  return account.length > shownChars ? `${account.slice(0, shownChars)}…` : account;
}
