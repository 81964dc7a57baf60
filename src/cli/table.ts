// Aligned text for people: fields one below the other, and tables. What comes from elsewhere is made printable first,
// since an id that somebody chose may hold the codes by which terminals are steered.
import { renderSpan } from '../operations/counted.ts';
import { printable } from '../printable.ts';
import type { Context } from './command.ts';

/** A title, and with it whether numbers stand below. */
export type Column = string | { readonly title: string; readonly isNumber: boolean };

const absent = '–';

/** Label and value, a line each; null prints as a dash. */
export function renderFields(fields: readonly (readonly [string, string | null])[]): string {
  const width = Math.max(...fields.map(([label]) => label.length));
  return fields.map(([label, value]) => `${label.padEnd(width)}  ${cell(value)}`).join('\n');
}

/** A line of titles and a line for each row. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly (string | null)[])[],
  paint: Context['paint'],
): string {
  return createTablePrinter(columns, paint)(rows);
}

/** Renders a table that comes in pages: the titles with the first, and every page as wide as the first one needs. */
export function createTablePrinter(
  wanted: readonly Column[],
  paint: Context['paint'],
): (rows: readonly (readonly (string | null)[])[]) => string {
  const columns = wanted.map((each) => (typeof each === 'string' ? { title: each, isNumber: false } : each));
  let widths: readonly number[] | undefined;
  return (rows) => {
    const texts = rows.map((row) => row.map(cell));
    const isFirst = widths === undefined;
    widths ??= columns.map(({ title }, index) =>
      Math.max(title.length, ...texts.map((row) => lengthOf(row[index] ?? ''))),
    );
    const lines = texts.map((row) => lineOf(columns, widths ?? [], row));
    if (!isFirst) return lines.join('\n');
    const titles = columns.map(({ title }) => title);
    return [paint('dim', lineOf(columns, widths, titles)), ...lines].join('\n');
  };
}

function lineOf(
  columns: readonly { readonly isNumber: boolean }[],
  widths: readonly number[],
  row: readonly string[],
): string {
  return columns
    .map(({ isNumber }, index) => {
      const text = row[index] ?? '';
      const space = ' '.repeat(Math.max(0, (widths[index] ?? 0) - lengthOf(text)));
      return isNumber ? space + text : text + space;
    })
    .join('  ')
    .trimEnd();
}

function cell(value: string | null): string {
  return value === null ? absent : printable(value);
}

function lengthOf(text: string): number {
  return [...text].length;
}

/** To the second, in the form that options take; what is no time is shown as it is. */
export function renderTime(text: string | null): string | null {
  if (text === null) return null;
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? text : `${time.toISOString().slice(0, 19)}Z`;
}

/** `in 29 min` or `3 min ago`, counted from `now`. */
export function renderDistance(text: string, now: Date): string {
  const ms = new Date(text).getTime() - now.getTime();
  const span = renderSpan(Math.abs(ms));
  return ms > 0 ? `in ${span}` : `${span} ago`;
}
