// Lists: as many pages as were asked for, printed as they come, so that a huge list starts at once and holds nothing. The
// columns are as wide as the first page needs. `--json` is one document, whatever number of pages it took.
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { ServiceError } from '../errors.ts';
import { printableJson } from '../printable.ts';
import { type Context, type Given, type Options, wrongUsage } from './command.ts';
import { type Ask, type Asked, readAnswer } from './service-api.ts';
import { type Column, createTablePrinter } from './table.ts';

export const listOptions: Options = {
  limit: { value: 'N', doc: 'rows to show (default 50)' },
  all: { doc: 'show all of them' },
};

/** The options of a list that is sorted by one of several times. */
export function orderOptions(times: readonly [string, ...string[]]): Options {
  const sort = { value: 'TIME', choices: times, doc: `by this time (default ${times[0]})` };
  return {
    ...(times.length > 1 ? { sort } : {}),
    'oldest-first': { doc: 'turn the order round' },
  };
}

/** `sort` as the API takes it; undefined for the list's own order. */
export function readOrder(given: Given, [first]: readonly [string, ...string[]]): string | undefined {
  const sort = given.text('sort');
  if (given.has('oldest-first')) return sort ?? first;
  return sort === undefined ? undefined : `-${sort}`;
}

const limitDefault = 50;
const pageMax = 200;
/** For one page, where others use up what its key may ask for. */
const triesMax = 10;

export interface List<Row extends z.ZodType> {
  readonly command: string;
  /** The list's route, without a query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly row: Row;
  readonly columns: readonly Column[];
  readonly cells: (row: z.infer<Row>) => readonly (string | null)[];
  /** What to say when nothing matches. */
  readonly empty: string;
}

/** Prints the list. Throws `config_invalid` for a `--limit` that is no number. */
export async function showList<Row extends z.ZodType>(
  ask: Ask,
  given: Given,
  context: Context,
  list: List<Row>,
): Promise<void> {
  const wanted = readWanted(given, list.command);
  const shape = z.object({ data: z.array(z.unknown()), next_cursor: z.string().nullable() });
  const printer = createTablePrinter(list.columns, context.paint);
  const isJson = given.has('json');
  let shown = 0;
  let cursor: string | null = null;
  do {
    const limit = String(Math.min(pageMax, wanted - shown));
    const path = pathOf(list, { limit, cursor });
    const asked = shown === 0 ? await ask('GET', path) : await askPatiently(ask, path, context);
    const page = readAnswer(asked, shape);
    const rows = readAnswer(asked, z.object({ data: z.array(list.row) })).data;
    if (isJson) printJson(page.data, shown === 0, context);
    else if (rows.length > 0) context.print(printer(rows.map(list.cells)));
    shown += rows.length;
    cursor = page.next_cursor;
  } while (cursor !== null && shown < wanted);
  if (isJson) context.print(`],"next_cursor":${printableJson(JSON.stringify(cursor))}}`);
  else if (shown === 0) context.tell(list.empty);
  else if (cursor !== null) context.tell(`There are more than these ${shown}: use --all, or --limit.`);
}

// A list of more pages than its key may ask for in a minute waits for the next one, since what is printed already would be
// half a document.
async function askPatiently(ask: Ask, path: string, { tell }: Context): Promise<Asked> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask('GET', path);
    } catch (error) {
      const isLimited = error instanceof ServiceError && error.code === 'rate_limited';
      if (!isLimited || tries === triesMax) throw error;
      const waitMs = error.retryAfterMs ?? 0;
      tell(`This key has made its requests of this minute; the list waits ${Math.ceil(waitMs / 1_000)} s …`);
      await wait(waitMs);
    }
  }
}

// Piece by piece: the document of a huge list is never held as a whole.
function printJson(data: readonly unknown[], isFirst: boolean, { print }: Context): void {
  const text = data.map((row) => printableJson(JSON.stringify(row))).join(',\n');
  if (isFirst) print(`{"data":[${text}`);
  else if (text !== '') print(`,${text}`);
}

function pathOf(
  { path, query }: Pick<List<z.ZodType>, 'path' | 'query'>,
  place: { limit: string; cursor: string | null },
): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...query, ...place })) {
    if (value !== undefined && value !== null) search.set(name, value);
  }
  return `${path}?${search}`;
}

function readWanted(given: Given, command: string): number {
  const text = given.text('limit');
  if (given.has('all')) {
    if (text !== undefined) throw wrongUsage('--all and --limit contradict each other.', command);
    return Number.POSITIVE_INFINITY;
  }
  if (text === undefined) return limitDefault;
  if (!/^[1-9]\d{0,6}$/.test(text)) throw wrongUsage('--limit must be a whole number from 1.', command);
  return Number(text);
}
