// Reads TypeScript as text, well enough to know what is code, what is a comment and what stands inside quotes. The
// compiler offers no interface for this, and a parser would be a dependency of its own for a few questions. Every view
// has the length and the line breaks of the source, so that a place in one is the same place in all.

export interface SourceText {
  readonly source: string;
  /** Comments are blanked; strings stand as written. */
  readonly code: string;
  /** Comments and what stands inside quotes, templates and regular expressions are blanked; the quotes stay. */
  readonly skeleton: string;
}

type State = { readonly kind: 'code'; depth: number } | { readonly kind: 'template' };

interface Reader {
  readonly source: string;
  readonly code: string[];
  readonly skeleton: string[];
  /** Innermost last: code inside `${…}` stands on a template, which stands on code. */
  readonly stack: State[];
  at: number;
}

export function readSourceText(source: string): SourceText {
  const reader: Reader = {
    source,
    code: source.split(''),
    skeleton: source.split(''),
    stack: [{ kind: 'code', depth: 0 }],
    at: 0,
  };
  if (source.startsWith('#!')) blank(reader, 0, endOfLine(source, 0), 'comment');
  while (reader.at < source.length) {
    const state = reader.stack.at(-1);
    if (state === undefined) throw new Error('The source closes more braces than it opens.');
    if (state.kind === 'template') readTemplate(reader);
    else readCode(reader, state);
  }
  return { source, code: reader.code.join(''), skeleton: reader.skeleton.join('') };
}

function readCode(reader: Reader, state: { depth: number }): void {
  const { source, at } = reader;
  const char = source[at];
  if (source.startsWith('//', at)) return blank(reader, at, endOfLine(source, at), 'comment');
  if (source.startsWith('/*', at)) {
    const end = source.indexOf('*/', at + 2);
    return blank(reader, at, end === -1 ? source.length : end + 2, 'comment');
  }
  if (char === "'" || char === '"') return readQuoted(reader, char);
  if (char === '/' && startsExpression(reader)) return readRegularExpression(reader);
  if (char === '`') reader.stack.push({ kind: 'template' });
  if (char === '{') state.depth += 1;
  if (char === '}') {
    // The brace that closes `${` ends this stretch of code; it is the template's, so the skeleton shows it as blank.
    if (state.depth === 0 && reader.stack.length > 1) {
      reader.skeleton[at] = ' ';
      reader.stack.pop();
    } else state.depth -= 1;
  }
  reader.at += 1;
}

function readTemplate(reader: Reader): void {
  const { source, at } = reader;
  if (source[at] === '`') {
    reader.stack.pop();
    reader.at += 1;
  } else if (source.startsWith('${', at)) {
    blank(reader, at, at + 2, 'text');
    reader.stack.push({ kind: 'code', depth: 0 });
  } else blank(reader, at, at + (source[at] === '\\' ? 2 : 1), 'text');
}

function readQuoted(reader: Reader, quote: string): void {
  const start = reader.at + 1;
  let end = start;
  while (end < reader.source.length && reader.source[end] !== quote && reader.source[end] !== '\n') {
    end += reader.source[end] === '\\' ? 2 : 1;
  }
  blank(reader, start, end, 'text');
  reader.at = end + 1;
}

function readRegularExpression(reader: Reader): void {
  const start = reader.at + 1;
  let end = start;
  let isInClass = false;
  while (end < reader.source.length && reader.source[end] !== '\n') {
    const char = reader.source[end];
    if (char === '/' && !isInClass) break;
    if (char === '[') isInClass = true;
    if (char === ']') isInClass = false;
    end += char === '\\' ? 2 : 1;
  }
  blank(reader, start, end, 'text');
  reader.at = end + 1;
}

/** Whether an expression may start here, so that a slash opens a regular expression and divides nothing. */
function startsExpression(reader: Reader): boolean {
  let before = reader.at - 1;
  while (before >= 0 && /\s/.test(reader.skeleton[before] ?? '')) before -= 1;
  if (before < 0 || /[-(,=:[!&|?{};+*%<>~^]/.test(reader.skeleton[before] ?? '')) return true;
  const word = /[\w$]+$/.exec(reader.skeleton.slice(Math.max(0, before - 12), before + 1).join(''))?.[0];
  return word !== undefined && ['return', 'typeof', 'case', 'in', 'of', 'await', 'else', 'do'].includes(word);
}

function blank(reader: Reader, start: number, end: number, what: 'comment' | 'text'): void {
  for (let index = start; index < Math.min(end, reader.source.length); index += 1) {
    if (reader.source[index] === '\n') continue;
    reader.skeleton[index] = ' ';
    if (what === 'comment') reader.code[index] = ' ';
  }
  reader.at = end;
}

function endOfLine(source: string, from: number): number {
  const end = source.indexOf('\n', from);
  return end === -1 ? source.length : end;
}

/** Lines that are neither blank nor only a comment, between two places of the source. */
export function countCodeLines({ code }: SourceText, start = 0, end = code.length): number {
  const lineStart = code.lastIndexOf('\n', start - 1) + 1;
  return code
    .slice(lineStart, end)
    .split('\n')
    .filter((line) => line.trim() !== '').length;
}
