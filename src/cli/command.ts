// What a command is: its words, its options, its help, and what it does. It gets what the user gave and the outside world
// as arguments, and answers with an exit code, so that every command can be run without a process of its own.
import type { styleText } from 'node:util';
import { ServiceError } from '../errors.ts';
import type { TerminalSize } from './fit-screen.ts';

/** 0: done, and the answer is yes. 1: the answer is no, or it failed. 2: the command line is wrong; nothing was done. */
export type ExitCode = number;

export interface Option {
  /** What stands for the value in the help; absent for a switch. */
  readonly value?: string;
  /** The values that it takes, where these are a closed list. */
  readonly choices?: readonly string[];
  readonly doc: string;
}

export type Options = Readonly<Record<string, Option>>;

export interface Given {
  readonly operands: readonly string[];
  text(option: string): string | undefined;
  has(option: string): boolean;
}

export interface Context {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => Date;
  /** To the standard output, with a line's end. Of what can never be shown again, `told` says on the standard error what to do where it could not be written. */
  readonly print: (text: string, told?: string) => void;
  /** To the standard error, with a line's end. */
  readonly tell: (text: string) => void;
  readonly paint: (format: Parameters<typeof styleText>[0], text: string) => string;
  /** All of the standard input. */
  readonly readInput: () => Promise<string>;
  /** Whether a person sees the standard output, and can answer a question. */
  readonly isTerminal: boolean;
  /** Of the terminal at this moment; undefined where there is none. */
  readonly terminalSize: () => TerminalSize | undefined;
  /** Asks a person; only on a terminal. */
  readonly question: (text: string) => Promise<string>;
  /** Aborted by Ctrl-C, for commands that run until then; from its first use on Ctrl-C no longer ends the process. */
  readonly interrupted: () => AbortSignal;
}

export interface Command {
  /** One or two words. */
  readonly name: string;
  /** What has to stand behind the words; `[ID]` may be left out, and `[ID…]` may also be several. */
  readonly operands: readonly string[];
  readonly summary: string;
  /** Further paragraphs of its help, each line at most 80 characters. */
  readonly details: string;
  readonly options: Options;
  readonly examples: readonly string[];
  run(given: Given, context: Context): Promise<ExitCode>;
}

/** The command line is wrong: told in one sentence, exit code 2. */
export function wrongUsage(sentence: string, command?: string): ServiceError {
  const where = command === undefined ? '' : `${command} `;
  return new ServiceError('config_invalid', `${sentence} See: ilive-webhooks ${where}--help`);
}
