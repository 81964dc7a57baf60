// How the vendor's JSON and its fields are read, the same for what it sends and for what it answers. What is optional and
// cannot be read counts as absent: losing a verdict over a field that nobody needs would be the worse mistake.
import { z } from 'zod';

// Ids are indexed; Postgres refuses index entries past 2,700 bytes, so a longer one could never be stored.
const idLimitChars = 512;

export const id = z.string().min(1).max(idLimitChars);
/** One that comes as a number is the id that its digits spell. */
export const optionalId = z.number().transform(String).or(id).nullish().catch(null);
export const optionalText = z.string().nullish().catch(null);
export const optionalNumber = z.number().nullish().catch(null);

/** Those of the optional ids that the object gives and that cannot be read; an empty text gives none. */
export function unreadIds(payload: object, names: readonly string[]): string[] {
  const given = payload as Readonly<Record<string, unknown>>;
  return names.filter((name) => (given[name] ?? '') !== '' && optionalId.parse(given[name]) === null);
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

// A number that may be longer than JavaScript's hold: an exponent, or sixteen digits and more.
const mayLoseDigits = /[:,[\s]-?\d[\d.]*(?:e|\d{15})/i;

/**
 * The value that the text spells; undefined where it is no JSON. A whole number past 2^53, or one too large altogether, stays
 * the text that it was: as a number it would be another, silently.
 */
export function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!mayLoseDigits.test(text)) return value;
  try {
    return JSON.parse(text, keepDigits);
  } catch {
    return value; // nested too deep to be read that way
  }
}

function keepDigits(_: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  return Number.isFinite(value) && !Number.isInteger(value) ? value : (context?.source ?? value);
}
