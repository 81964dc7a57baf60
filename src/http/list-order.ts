// The order of a list and its pages: `?sort=` by one of the list's times, ranges over these times, and cursors. A cursor says
// which list, filters and order it was made for; sent with others it is a clear 400, since it would skip or repeat rows
// without a word.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { PageBy, Range } from '../db/order.ts';
import { ServiceError } from '../errors.ts';
import { instantText } from './query.ts';

/** `?sort=`: a time's name for the oldest first, with a minus for the newest first. */
export function sortParameter<const Time extends string>(times: readonly Time[]) {
  const sorts = times.flatMap((time): (Time | `-${Time}`)[] => [`-${time}`, time]);
  return z
    .enum(sorts, `must be one of ${sorts.join(', ')}`)
    .optional()
    .describe('The order: by this time, the newest first where a minus stands before it.');
}

/** A parameter that takes one of a few words. */
export const oneOf = <const Words extends readonly [string, ...string[]]>(words: Words) =>
  z.enum(words, `must be one of ${words.join(', ')}`).optional();

const boundText = instantText.meta({ format: 'date-time' });
export const rangeFrom = boundText.optional().describe('From then on.');
export const rangeTo = boundText.optional().describe('Before then.');

export interface Order<Time extends string> {
  readonly by: Time;
  readonly isDescending: boolean;
}

/** The order of a list that has no other. */
export const newestFirst: Order<'time'> = { by: 'time', isDescending: true };

/**
 * The order that is asked for: by `sort`, else by the time that a range is over, else by the first of `times`, newest first.
 * Throws `invalid_request` for a range that the order does not go by: what it holds could only be found by reading all.
 */
export function readOrder<Time extends string>(
  times: readonly [Time, ...Time[]],
  sort: Time | `-${Time}` | undefined,
  ranges: { readonly [Name in Time]?: Range },
): Order<Time> {
  const ranged = times.filter((time) => ranges[time]?.from !== undefined || ranges[time]?.to !== undefined);
  const by = times.find((time) => sort === time || sort === `-${time}`) ?? ranged[0] ?? times[0];
  if (ranged.length > 0 && !ranged.includes(by)) {
    const wanted = ranged.flatMap((time) => [`-${time}`, time]).join(', ');
    throw new ServiceError(
      'invalid_request',
      `query parameter "sort" must be one of ${wanted} beside a range of that time.`,
    );
  }
  for (const time of ranged) {
    const { from, to } = ranges[time] ?? {};
    if (from === undefined || to === undefined || from < to) continue;
    const name = time.replace(/_at$/, '');
    throw new ServiceError('invalid_request', `query parameter "${name}_from" must be before "${name}_to".`);
  }
  return { by, isDescending: sort === undefined || sort.startsWith('-') };
}

/** What is asked of a list, as the request has it. */
interface Asked {
  readonly list: string;
  readonly query: Readonly<Record<string, unknown>>;
  readonly order: Order<string>;
}

// These say how much of the list is shown and where it begins, not what it is.
const noFilters = ['limit', 'cursor', 'fields', 'sort'];

/** The page that is asked for, with one row more than `limit`, which tells whether there is a next one. */
export function readPage<Time extends string>(
  asked: Asked & { readonly order: Order<Time> },
  { cursor, limit }: { readonly cursor?: string | undefined; readonly limit: number },
  place: z.ZodType<readonly string[]>,
): PageBy<Time> {
  return { ...asked.order, limit: limit + 1, after: readPlace(asked, cursor, place) };
}

/** A page of rows as JSON, with the cursor of the next one. */
export function showPage<Row, Shown>(
  asked: Asked,
  { rows, limit }: { readonly rows: readonly Row[]; readonly limit: number },
  show: (row: Row) => Shown,
  placeOf: (row: Row) => readonly string[],
): { data: Shown[]; next_cursor: string | null } {
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  const place = rows.length > limit && last !== undefined ? [purposeOf(asked), ...placeOf(last)] : undefined;
  const cursor = place && Buffer.from(JSON.stringify(place)).toString('base64url');
  return { data: data.map(show), next_cursor: cursor ?? null };
}

const marked = z.tuple([z.string().regex(/^[\w-]{16}$/)], z.string());
const isForeign = 'is not one that this list gave out';

function readPlace(
  asked: Asked,
  cursor: string | undefined,
  place: z.ZodType<readonly string[]>,
): readonly string[] | undefined {
  if (cursor === undefined) return undefined;
  const [madeFor, ...rest] = readCursor(cursor);
  if (madeFor !== purposeOf(asked)) {
    throw noCursor('was given out for other filters or another order: begin again without it');
  }
  const read = place.safeParse(rest);
  if (!read.success) throw noCursor(isForeign);
  return read.data;
}

function readCursor(cursor: string): z.infer<typeof marked> {
  try {
    return marked.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
  } catch {
    throw noCursor(isForeign);
  }
}

function noCursor(why: string): ServiceError {
  return new ServiceError('invalid_request', `query parameter "cursor" ${why}.`);
}

function purposeOf({ list, query, order }: Asked): string {
  const filters = Object.entries(query)
    .filter(([name]) => !noFilters.includes(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([list, order.by, order.isDescending, filters]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}
