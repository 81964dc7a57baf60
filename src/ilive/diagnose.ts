// Why a request did not verify: what would have matched. It tries the secrets that we know, the other ways to read them, the
// other strings that vendors sign and the bodies that may have been signed, those first that differ least from what is
// configured, and says in a sentence what it found. It only explains: nothing is let in because of it. No sentence holds
// a secret, and the work is bounded, since whoever sends junk decides how often it is done.
import { timingSafeEqual } from 'node:crypto';
import { printable } from '../printable.ts';
import type { Secret } from '../secret.ts';
import { bodyVariantsOf } from './body-variants.ts';
import { clockCommand, describeClockOff, roundOffset } from './clock-off.ts';
import {
  digestOf,
  parseTemplate,
  type SecretEncoding,
  type SignatureFailure,
  type SignatureHeaders,
  type SigningKey,
  secretEncodings,
  secretFlaw,
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

/** What there is to do about a refusal. */
export const remedies = [
  'reverify', // it verifies by now
  'clock', // it verifies once it is told how far a clock was off
  'setting', // it would verify with another secret, template or encoding, or under another account
  'retired', // it would verify with a secret that was retired: iLive signs with it still, or whoever it leaked to does
  'admit', // its bytes were changed on the way: only iLive's own answer can prove it
  'none', // nothing that we know would have made it match
] as const;
export type Remedy = (typeof remedies)[number];

export interface Diagnosis {
  readonly remedy: Remedy;
  /** How far our clock was ahead, where the remedy is `clock`. */
  readonly offsetSeconds: number | null;
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
      'came without a signature: not iLive, a proxy that drops headers, a header of another name, or a session of a legacy key',
    );
  }
  const claimed = readClaimed(input.headers.signature);
  if (claimed === undefined) return only('the signature header holds no SHA-256 in hexadecimal or base64');
  const search = searchMatches(input, options, claimed.digest);
  const form = claimed.isUsual ? [] : ['the signature header is not of the form sha256=<hex>'];
  if (search.matches.length > 0) return explain(input, search.matches, form, options.toleranceSeconds);
  const known = options.secrets.some(({ account }) => account === input.account);
  const nothing = known
    ? 'nothing that we know matches: the secret is another one, or it does not come from iLive'
    : `the path names the account "${shown(input.account)}", which has no secrets here, and no other account's matches`;
  const soFar = search.isComplete ? [] : ['not everything was tried: the body is large'];
  return {
    remedy: 'none',
    offsetSeconds: null,
    findings: [nothing, ...form, ...soFar],
    isComplete: search.isComplete,
  };
}

interface Match {
  /** A sentence; undefined where nothing differs from what is configured. */
  readonly text: string | undefined;
  readonly remedy: Remedy;
}

function explain(
  input: DiagnosisInput,
  matches: readonly Match[],
  form: readonly string[],
  toleranceSeconds: number,
): Diagnosis {
  const clock = readClock(input, toleranceSeconds);
  const isRight = matches[0]?.text === undefined;
  const offsetSeconds = typeof clock === 'number' ? clock : null;
  const off = typeof clock === 'number' ? [describeClockOff(clock)] : clock === undefined ? [] : [clock];
  if (isRight && offsetSeconds !== null) {
    // First, since nothing but the clock stands in the way, and without it reverify would refuse it again.
    const sentence = `the signature is right; ${off[0]}: ${clockCommand(offsetSeconds)}`;
    return { remedy: 'clock', offsetSeconds, findings: [sentence, ...form], isComplete: true };
  }
  if (isRight) {
    const isForm = form.length > 0 || off.length > 0;
    const sentence = `the signature is right${isForm ? '' : ' with the secrets of now: ilive-webhooks refusals reverify'}`;
    const remedy = isForm ? 'admit' : 'reverify';
    return { remedy, offsetSeconds: null, findings: [sentence, ...form, ...off], isComplete: true };
  }
  const texts = [...new Set(matches.flatMap(({ text }) => text ?? []))].slice(0, maxFindings);
  const isOfTime = input.reason.startsWith('timestamp_');
  const findings = isOfTime ? [...off, ...texts, ...form] : [...texts, ...form, ...off];
  return { remedy: matches[0]?.remedy ?? 'none', offsetSeconds: null, findings, isComplete: true };
}

function searchMatches(
  input: DiagnosisInput,
  options: DiagnosisOptions,
  claimed: Buffer,
): { matches: Match[]; isComplete: boolean } {
  const keys = keysOf(input.account, options);
  const templates = templatesOf(input.headers, options.template);
  const bodies: Option<Buffer>[] = [
    { value: input.body, text: undefined },
    ...bodyVariantsOf(input.body).map(({ body, text }) => ({ value: body, text })),
  ];
  const fields = { id: input.headers.webhookId ?? '', timestamp: input.headers.timestamp ?? '' };
  let leftBytes = options.maxHashedBytes;
  for (let deviations = 0; deviations <= maxDeviations; deviations += 1) {
    const matches: Match[] = [];
    // The secrets turn fastest: a wrong secret is likelier than a wrong template, and that than a changed body.
    for (const body of bodies) {
      for (const template of templates) {
        for (const key of keys) {
          const parts = [...key.texts, template.text, body.text].filter((text) => text !== undefined);
          if (parts.length !== deviations) continue;
          leftBytes -= body.value.length;
          if (leftBytes < 0) return { matches, isComplete: false };
          const digest = digestOf(key.value, template.value, fields, body.value);
          if (!timingSafeEqual(digest, claimed)) continue;
          const text = parts.length === 0 ? undefined : `matches ${parts.join('; and ')}`;
          matches.push({ text, remedy: body.text === undefined ? key.remedy : 'admit' });
        }
      }
    }
    if (matches.length > 0) return { matches, isComplete: true };
  }
  return { matches: [], isComplete: true };
}

function keysOf(
  account: string,
  { secrets, encoding }: DiagnosisOptions,
): { value: SigningKey; texts: string[]; remedy: Remedy }[] {
  const encodings = [encoding, ...secretEncodings.filter((other) => other !== encoding)];
  return secrets.flatMap((secret) =>
    encodings.flatMap((each) => {
      const text = secret.secret.reveal();
      // Any word is base64; only a text that is long enough to be a key is read in another encoding.
      if (each !== encoding && text.length < keyMinChars) return [];
      if (secretFlaw(text, each) !== undefined) return [];
      const whose = whoseText(secret, account);
      const how =
        each === encoding ? undefined : `with the secret read as ${each}: set ILIVE_SECRET_ENCODING=${each}`;
      const texts = [whose, how].filter((part) => part !== undefined);
      return [
        { value: signingKey(text, each), texts, remedy: secret.state === 'retired' ? 'retired' : 'setting' },
      ];
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

// A number is how far our clock was ahead, where that is more than the tolerance; a text is what else is wrong with the time.
function readClock(
  { headers, receivedAt }: DiagnosisInput,
  toleranceSeconds: number,
): number | string | undefined {
  const { timestamp } = headers;
  if (timestamp === undefined) return 'it came without a timestamp';
  if (!/^\d{1,13}$/.test(timestamp)) return 'its timestamp is no number of seconds';
  if (timestamp.length > 12) return 'its timestamp is in milliseconds, where seconds are documented';
  const aheadSeconds = receivedAt.getTime() / 1000 - Number(timestamp);
  return Math.abs(aheadSeconds) > toleranceSeconds ? roundOffset(aheadSeconds, toleranceSeconds) : undefined;
}

function only(finding: string): Diagnosis {
  return { remedy: 'none', offsetSeconds: null, findings: [finding], isComplete: true };
}

const shownChars = 40;

function shown(account: string): string {
  return account.length > shownChars ? `${printable(account.slice(0, shownChars))}…` : printable(account);
}
