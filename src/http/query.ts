// Reading what a caller asks for. Every parameter is declared; one that is not is a 400 that names it, since a filter
// that is silently ignored answers a question nobody asked.
import type { Request } from 'express';
import { z } from 'zod';
import { ServiceError } from '../errors.ts';
import { disputePrefix } from '../events/dispute.ts';
import { type Instant, parseInstant } from '../events/instant.ts';
import { idLimitChars, isStorableText } from '../ilive/fields.ts';
import { refusalReasons } from '../operations/refusal-reasons.ts';
import { complaintOf } from './complaint.ts';

export const limitDefault = 50;
export const limitMax = 200;

const textUpTo = (maxChars: number) =>
  z
    .string()
    .min(1, 'must not be empty')
    .max(maxChars, `must be at most ${maxChars} characters`)
    .refine(isStorableText, 'must not hold NUL or broken characters');

/** Text that Postgres can look for: no NUL, no half of a surrogate pair, no longer than what is ever stored. */
export const searchText = textUpTo(idLimitChars);

/** The id of an alert: of one about a dispute, the session's whole id stands in it. */
export const alertIdText = textUpTo(disputePrefix.length + idLimitChars);

/** Of a question about one id. */
export const accountText = searchText.describe(
  'The iLive account, as it is named here. Where two accounts have the id, it has to be said.',
);

/** A time with an offset, such as 2026-11-23T00:00:00Z, to the microsecond: as iLive tells its times, and answers do. */
export const instantText = z
  .string()
  .refine((text) => parseInstant(text) !== undefined, 'must be a time such as 2026-11-23T00:00:00Z')
  .transform((text) => parseInstant(text) as Instant);

/** The same as a Date. */
export const timeText = instantText.transform((instant) => new Date(instant)).meta({ format: 'date-time' });

const unitsMs = { ms: 1, s: 1_000, m: 60_000 } as const;

/** How long to wait, such as 30s, as milliseconds; 0 when it is not given. */
export const waitText = z
  .string()
  .regex(/^\d{1,6}(ms|s|m)?$/, 'must be a time such as 30s, 500ms or 1m')
  .default('0s')
  .transform((text) => {
    const [, digits, unit = 's'] = /^(\d+)(ms|s|m)?$/.exec(text) ?? [];
    return Number(digits) * unitsMs[unit as keyof typeof unitsMs];
  })
  .describe('How long to wait, such as 30s; at most WAIT_MAX_SECONDS. Default: not at all.');

/** The reason of refusals. Another text than those named is no refusal's. */
export const reasonText = searchText.describe(`Why it was refused: ${refusalReasons.join(', ')}.`);

/** When refusals came last. */
export const refusalTimes = {
  from: timeText.optional().describe('Last received then or later.'),
  to: timeText.optional().describe('Last received before then.'),
};

/** Why an operator does something; it goes into the audit. */
export const whyText = searchText.describe('Why it is done; it goes into the audit.');

/** How many rows at most, from 1 to `max`. */
export const limitText = ({ max, standard }: { readonly max: number; readonly standard: number }) =>
  z
    .string()
    .regex(/^\d{1,4}$/, `must be a whole number from 1 to ${max}`)
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= max, `must be a whole number from 1 to ${max}`)
    .default(standard)
    .meta({
      description: 'How many at most.',
      // Read from text, but what a caller sends is a number.
      type: 'integer',
      pattern: undefined,
      minimum: 1,
      maximum: max,
    });

/** For a text that holds several of `names` with commas between them: what a caller sends is a list. */
export const commaList = (names: readonly string[]) => ({
  type: 'array' as const,
  items: { type: 'string' as const, enum: [...names] },
  maxLength: undefined,
});

export const pageParameters = {
  limit: limitText({ max: limitMax, standard: limitDefault }),
  cursor: z.string().max(2_048).optional().describe('The next_cursor of the page before.'),
};

/** The query as `shape` reads it. Throws `invalid_request` naming every parameter that is unknown or wrong. */
export function readQuery<Shape extends z.ZodRawShape>(
  req: Request,
  shape: Shape,
): z.infer<z.ZodObject<Shape>> {
  const read = z.strictObject(shape).safeParse({ ...req.query });
  if (read.success) return read.data as z.infer<z.ZodObject<Shape>>;
  const known = Object.keys(shape);
  const complaints = read.error.issues.map((issue) => {
    if (issue.code === 'unrecognized_keys') {
      const names = issue.keys.map((key) => `"${key}"`).join(', ');
      return `unknown query parameter ${names}; known here: ${known.length > 0 ? known.join(', ') : 'none'}`;
    }
    const [name] = issue.path;
    return Array.isArray(req.query[String(name)])
      ? `query parameter "${String(name)}" must be given once`
      : complaintOf('query parameter', issue, req.query);
  });
  throw new ServiceError('invalid_request', `${complaints.join('; ')}.`);
}

/** The parts of the path as `shape` reads them. */
export function readPath<Shape extends z.ZodRawShape>(
  req: Request,
  shape: Shape,
): z.infer<z.ZodObject<Shape>> {
  const read = z.object(shape).safeParse(req.params);
  if (read.success) return read.data as z.infer<z.ZodObject<Shape>>;
  const complaints = read.error.issues.map(
    (issue) => `"${issue.path.join('.')}" in the path ${issue.message}`,
  );
  throw new ServiceError('invalid_request', `${complaints.join('; ')}.`);
}

/** The headers that `shape` names, in lower case; all others are left alone. */
export function readHeaders<Shape extends z.ZodRawShape>(
  req: Request,
  shape: Shape,
): z.infer<z.ZodObject<Shape>> {
  const read = z.object(shape).safeParse(req.headers);
  if (read.success) return read.data as z.infer<z.ZodObject<Shape>>;
  const complaints = read.error.issues.map((issue) => complaintOf('header', issue, req.headers));
  throw new ServiceError('invalid_request', `${complaints.join('; ')}.`);
}
