// How the vendor's JSON and its fields are read, the same for what it sends and for what it answers. What is optional and
// cannot be read counts as absent: losing a verdict over a field that nobody needs would be the worse mistake.
import { z } from 'zod';

/** A JSON object by the names of its fields. */
export type Fields = Readonly<Record<string, unknown>>;

// Ids are indexed; Postgres refuses index entries past 2,700 bytes, so a longer one could never be stored.
export const idLimitChars = 512;

export const id = z.string().min(1).max(idLimitChars);
export const optionalId = z.unknown().optional().transform(readId);
export const optionalText = z.string().nullish().catch(null);
export const optionalNumber = z.number().nullish().catch(null);

// One that comes as a number is the id that its digits spell.
function readId(value: unknown): string | null {
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'string' || value === '' || value.length > idLimitChars) return null;
  return isStorableText(value) ? value : null;
}

/** Whether Postgres can hold the text: it holds no NUL and no half of a surrogate pair. */
export function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/** Those of the optional ids that the object gives and that cannot be read; an empty text gives none. */
export function unreadIds(payload: Fields, names: readonly string[]): string[] {
  return names.filter((name) => (payload[name] ?? '') !== '' && readId(payload[name]) === null);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The text that the bytes spell; undefined where they spell none. */
export function decodeUtf8(body: Buffer): string | undefined {
  try {
    return utf8.decode(body);
  } catch {
    return undefined;
  }
}

/** The value that the text spells; undefined where it is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// A number that may be longer than JavaScript's hold: an exponent, or sixteen digits and more.
const mayLoseDigits = /[:,[\s]-?\d[\d.]*(?:e|\d{15})/i;

/**
 * What was parsed of the text, where a whole number past 2^53, or one too large altogether, stays the text that it was: as a number
 * it would be another, silently. For what may hold such numbers, since the text is read once more.
 */
export function withAllDigits<Value>(text: string, parsed: Value): Value {
  if (!mayLoseDigits.test(text)) return parsed;
  try {
    return JSON.parse(text, keepDigits);
  } catch {
    return parsed; // nested too deep to be read that way
  }
}

function keepDigits(_: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  return Number.isFinite(value) && !Number.isInteger(value) ? value : (context?.source ?? value);
}
