// What the service says while it is our child: the line that tells its address, the last lines for when it fails, and
// its warnings counted. Lines are shown as a person reads them, and kept only as long as they may be shown.

import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { parseObject } from './parse-object.ts';

export interface ChildLog {
  /** The line that says that it listens. */
  readonly listening: Promise<Record<string, unknown>>;
  lastLines(): string;
  /** Its warnings and errors so far, counted by their message. */
  warnings(): Readonly<Record<string, number>>;
}

const keptLineCount = 8;
const shownLineChars = 200;
const warnLevel = 40; // pino's number

export function readChildLog(streams: readonly (Readable | null)[]): ChildLog {
  const lines: string[] = [];
  const warnings: Record<string, number> = {};
  const { promise: listening, resolve } = Promise.withResolvers<Record<string, unknown>>();
  const onLine = (line: string) => {
    const said = parseObject(line);
    const message = String(said.msg);
    const shown = shorten(line, said);
    if (shown !== lines.at(-1)) lines.push(shown); // what is tried again and again says the same again and again
    if (lines.length > keptLineCount) lines.shift();
    if (message === 'listening') resolve(said);
    if (Number(said.level) >= warnLevel) warnings[message] = (warnings[message] ?? 0) + 1;
  };
  for (const stream of streams) {
    if (stream !== null) createInterface({ input: stream }).on('line', onLine);
  }
  return {
    listening,
    lastLines: () => lines.join('\n') || '    (it said nothing)',
    warnings: () => ({ ...warnings }),
  };
}

function shorten(line: string, { msg, err }: Record<string, unknown>): string {
  const cause = typeof err === 'object' && err !== null && 'message' in err ? `: ${err.message}` : '';
  const text = typeof msg === 'string' ? `${msg}${cause}` : line;
  return `    ${text.slice(0, shownLineChars)}`;
}
