// Showing stored bytes: as text where they are text, or into a file, exactly, which nobody but its owner can read. Reading a
// body is an action, so it needs a reason.
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { ServiceError } from '../errors.ts';
import { printable } from '../printable.ts';
import { type Context, type Given, type Options, wrongUsage } from './command.ts';
import { type Asked, readAnswer } from './service-api.ts';
import { renderFields } from './table.ts';
import { readWhy } from './why.ts';

export const shownBody: Options = {
  body: { doc: 'show its headers and its body (needs --why)' },
  'body-file': { value: 'FILE', doc: 'write its exact bytes to a new file (needs --why)' },
  why: { value: 'TEXT', doc: 'the reason, for the audit' },
};

export interface BodyReading {
  readonly query: URLSearchParams;
  readonly file: string | undefined;
}

const stored = z.object({
  headers: z.record(z.string(), z.string()).nullable(),
  body_base64: z.string().nullable(),
});

/** What is to be read; undefined where no body is asked for. Throws `config_invalid` where the reason is missing. */
export function readBodyOptions(given: Given, command: string): BodyReading | undefined {
  const file = given.text('body-file');
  if (!given.has('body') && file === undefined) {
    if (given.has('why')) throw wrongUsage('--why belongs to --body or --body-file.', command);
    return undefined;
  }
  const query = new URLSearchParams({ why: readWhy(given, command) });
  // Before anything is asked: a read that cannot be kept would stand in the audit all the same.
  if (file !== undefined && existsSync(file)) {
    throw wrongUsage(`--body-file: ${printable(file)} is there already; name a new file.`, command);
  }
  return { query, file };
}

/** Prints the headers and the text, unless `--json` has printed all; writes the file. */
export async function printBody(
  asked: Asked,
  { file }: BodyReading,
  given: Given,
  context: Context,
): Promise<void> {
  const { headers, body_base64: base64 } = readAnswer(asked, stored);
  if (!given.has('json') && given.has('body')) {
    context.print(`\n${context.paint('dim', 'headers')}`);
    context.print(headers === null ? 'dropped' : renderFields(Object.entries(headers)));
    context.print(`\n${context.paint('dim', 'body')}`);
    context.print(base64 === null ? 'dropped by retention' : readText(Buffer.from(base64, 'base64')));
  }
  if (file === undefined) return;
  if (base64 === null) throw new ServiceError('not_found', 'The bytes are gone: retention has dropped them.');
  await writeFile(file, Buffer.from(base64, 'base64'), { flag: 'wx', mode: 0o600 }).catch(
    (error: unknown) => {
      const reason = (error as NodeJS.ErrnoException).code ?? 'unknown trouble';
      throw new ServiceError(
        'invalid_request',
        `--body-file: ${printable(file)} cannot be written (${reason}).`,
      );
    },
  );
  context.tell(`Written to ${printable(file)}.`);
}

function readText(bytes: Buffer): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.split('\n').map(printable).join('\n');
  } catch {
    return `${bytes.length} bytes that are no text: write them with --body-file.`;
  }
}
