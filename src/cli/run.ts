// From a command line to an exit code. Whatever goes wrong on the way is one sentence on the standard error; a stack is
// shown only for what nobody foresaw, since only then it is ours to mend.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { styleText } from 'node:util';
import { ServiceError } from '../errors.ts';
import { readCommandLine } from './arguments.ts';
import type { Command, Context } from './command.ts';
import { showCompleteness } from './completeness.ts';
import { compareFaces, detectFaces } from './faces.ts';
import { renderHelp } from './help.ts';
import { createSession, registerSession, showSession } from './sessions.ts';
import { startService } from './start.ts';

export const commands: readonly Command[] = [
  startService,
  createSession,
  showSession,
  registerSession,
  showCompleteness,
  compareFaces,
  detectFaces,
];

const exitCodeFailed = 1;
const exitCodeUsage = 2;

/** Does what `args` say; never rejects. */
export async function run(args: readonly string[], env: Context['env']): Promise<number> {
  const context: Context = {
    env,
    now: () => new Date(),
    print: (text) => void process.stdout.write(`${text}\n`),
    tell: (text) => void process.stderr.write(`${text}\n`),
    paint: (format, text) =>
      process.stdout.isTTY ? styleText(format, text, { stream: process.stdout }) : text,
    readInput: () => readAll(process.stdin),
  };
  try {
    if (args.length === 0) {
      context.tell(renderHelp(undefined, commands));
      return exitCodeUsage;
    }
    const reading = readCommandLine(args, commands);
    if (reading.kind === 'run') return await reading.command.run(reading.given, context);
    context.print(reading.kind === 'version' ? readVersion() : renderHelp(reading.topic, commands));
    return 0;
  } catch (error) {
    return tellTrouble(error, context);
  }
}

function tellTrouble(error: unknown, { tell }: Context): number {
  if (!(error instanceof ServiceError)) {
    tell(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return exitCodeFailed;
  }
  tell(error.message);
  return error.code === 'config_invalid' ? exitCodeUsage : exitCodeFailed;
}

function readVersion(): string {
  const file = path.join(import.meta.dirname, '../../package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
