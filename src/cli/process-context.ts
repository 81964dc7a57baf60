// What a command is given of this process: its two outputs, its input, its terminal, and Ctrl-C.
import { text as readAll } from 'node:stream/consumers';
import { styleText } from 'node:util';
import type { Context } from './command.ts';
import { question } from './question.ts';

/** To be made once: from then on an output that nobody reads ends the process. */
export function createProcessContext(env: Context['env']): Context {
  // Told where it was written: see `print`.
  process.stdout.on('error', () => {});
  return {
    env,
    now: () => new Date(),
    print: (text, told) =>
      void process.stdout.write(`${text}\n`, (error) => {
        if (error) endUnwritten(error, told);
      }),
    tell: (text) => void process.stderr.write(`${text}\n`),
    paint: (format, text) =>
      process.stdout.isTTY ? styleText(format, text, { stream: process.stdout }) : text,
    readInput: () => readAll(process.stdin),
    isTerminal: process.stdout.isTTY === true && process.stdin.isTTY === true,
    terminalSize: () => {
      const { columns, rows } = process.stdout;
      return columns > 0 && rows > 0 ? { columns, rows } : undefined;
    },
    question: (text) => question(text, { input: process.stdin, output: process.stderr }),
    interrupted,
  };
}

// Whoever reads us has enough, such as `head`: that is no failure, but where what they did not read is nowhere else.
function endUnwritten({ code }: NodeJS.ErrnoException, told: string | undefined): never {
  if (code === 'EPIPE' && told === undefined) process.exit(0);
  const what = told ?? 'What the command was to change is changed all the same.';
  process.stderr.write(`The standard output could not be written (${code}). ${what}\n`);
  process.exit(1);
}

let interrupting: AbortController | undefined;

function interrupted(): AbortSignal {
  if (interrupting === undefined) {
    const controller = new AbortController();
    interrupting = controller;
    process.on('SIGINT', () => controller.abort());
  }
  return interrupting.signal;
}
