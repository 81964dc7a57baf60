// Finds the functions of a source and how many code lines each has, nested functions included. It follows brackets and
// a handful of keywords: declarations, methods and arrow functions with and without braces are found; an overload or
// a function type without a body is none.
import { countCodeLines, type SourceText } from './source-text.ts';

export interface MeasuredFunction {
  /** The name in front of the parameters or of the arrow function; `(nameless)` where there is none. */
  readonly name: string;
  /** 1 for the first line. */
  readonly line: number;
  readonly codeLines: number;
  /** The function that this one is handed to, such as `describe`; undefined where it is no argument. */
  readonly callee: string | undefined;
}

const controlWords = new Set(['if', 'for', 'while', 'switch', 'catch', 'with', 'await']);
const closing: Record<string, string> = { '(': ')', '[': ']', '{': '}' };

export function findFunctions(text: SourceText): MeasuredFunction[] {
  const { skeleton } = text;
  const partners = matchBrackets(skeleton);
  const found: MeasuredFunction[] = [];
  const keep = (start: number, end: number, name: string | undefined) =>
    found.push({
      name: name ?? '(nameless)',
      line: skeleton.slice(0, start).split('\n').length,
      codeLines: countCodeLines(text, start, end),
      callee: findCallee(skeleton, start),
    });

  for (const [open, close] of partners) {
    if (skeleton[open] !== '(') continue;
    const before = /(?:(function)\s*\*?\s*)?([\w$#]+)?\s*(?:<[^()]*>\s*)?$/.exec(skeleton.slice(lineBefore(open), open));
    const name = before?.[2] === 'function' ? undefined : before?.[2];
    if (name !== undefined && controlWords.has(name)) continue;
    const body = findBody(skeleton, partners, close + 1);
    if (body === undefined) continue;
    const start = open - (before?.[0].length ?? 0);
    keep(skipSpace(skeleton, start), (partners.get(body) ?? body) + 1, name);
  }
  for (const { index } of skeleton.matchAll(/=>/g)) {
    const body = skipSpace(skeleton, index + 2);
    const end = skeleton[body] === '{' ? partners.get(body) : endOfExpression(skeleton, partners, body);
    const start = startOfArrow(skeleton, partners, index);
    const name = /([\w$]+)\s*(?::[^;{}]*)?[=:]\s*(?:async\s*)?$/.exec(skeleton.slice(lineBefore(start), start))?.[1];
    if (end !== undefined) keep(start, end + 1, name);
  }
  return found;
}

function matchBrackets(skeleton: string): Map<number, number> {
  const partners = new Map<number, number>();
  const open: number[] = [];
  for (let index = 0; index < skeleton.length; index += 1) {
    const char = skeleton[index] ?? '';
    if (char in closing) open.push(index);
    else if (char === ')' || char === ']' || char === '}') {
      const start = open.pop();
      if (start === undefined || closing[skeleton[start] ?? ''] !== char) {
        throw new Error(`Line ${skeleton.slice(0, index).split('\n').length} has a ${char} that closes nothing.`);
      }
      partners.set(start, index);
    }
  }
  return partners;
}

/** The brace that opens the body behind a parameter list, past a return type; undefined where none follows. */
function findBody(skeleton: string, partners: Map<number, number>, from: number): number | undefined {
  let at = skipSpace(skeleton, from);
  if (skeleton[at] === '{') return at;
  if (skeleton[at] !== ':') return undefined;
  let last = ':';
  for (at += 1; at < skeleton.length; at += 1) {
    const char = skeleton[at] ?? '';
    if (/\s/.test(char)) continue;
    if (char === '{' && !/[:|&<,([?]/.test(last)) return last === '=>' ? undefined : at;
    if (char === '=' && skeleton[at + 1] === '>') {
      // Behind the parameters of a type the arrow goes on with the type; behind those of a function it ends it.
      return undefined;
    }
    if (/[;=)\]}]/.test(char)) return undefined;
    const partner = partners.get(at);
    if (partner !== undefined) at = partner;
    last = skeleton[at] ?? '';
  }
  return undefined;
}

/** Where the parameters of the arrow function start; a name without parentheses counts. */
function startOfArrow(skeleton: string, partners: Map<number, number>, arrow: number): number {
  const head = skeleton.slice(0, arrow);
  const single = /(?:async\s+)?[\w$]+\s*$/.exec(head.slice(-80));
  const isTyped = /\)\s*:[^()]*$/.test(head.slice(-200));
  if (single && !isTyped) return arrow - single[0].length;
  for (let close = arrow; close >= 0; close -= 1) {
    if (skeleton[close] !== ')') continue;
    for (const [start, end] of partners) if (end === close) return start;
  }
  return arrow;
}

function endOfExpression(skeleton: string, partners: Map<number, number>, from: number): number {
  for (let at = from; at < skeleton.length; at += 1) {
    const partner = partners.get(at);
    if (partner !== undefined) at = partner;
    else if (/[,;)\]}]/.test(skeleton[at] ?? '')) return at - 1;
  }
  return skeleton.length - 1;
}

function findCallee(skeleton: string, start: number): string | undefined {
  const head = skeleton.slice(lineBefore(start), start);
  return /([\w$.]+)\s*\((?:[^()]|\([^()]*\))*,\s*(?:async\s*)?$/.exec(head)?.[1];
}

/** Far enough back to see what a bracket belongs to; signatures are never longer. */
function lineBefore(at: number): number {
  return Math.max(0, at - 400);
}

function skipSpace(skeleton: string, from: number): number {
  let at = from;
  while (at < skeleton.length && /\s/.test(skeleton[at] ?? '')) at += 1;
  return at;
}
