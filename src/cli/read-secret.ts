// Reads a secret from a file or the standard input, never from the command line, where every list of processes shows it.
import { readFile } from 'node:fs/promises';
import { printable } from '../printable.ts';
import { Secret } from '../secret.ts';
import { type Context, type Given, wrongUsage } from './command.ts';

/** The file's text without the line's end that editors leave; `option` is what the errors name. */
export async function readSecretFile(option: string, path: string, command: string): Promise<Secret> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown trouble';
    throw wrongUsage(`--${option}: ${printable(path)} cannot be read (${reason}).`, command);
  });
  return asSecret(`the file of --${option}`, text, command);
}

/** The secret that `--NAME-file` or `--NAME-stdin` leads to; undefined where neither is given. */
export async function readSecret(
  name: string,
  given: Given,
  { readInput }: Context,
  command: string,
): Promise<Secret | undefined> {
  const file = given.text(`${name}-file`);
  const isStdin = given.has(`${name}-stdin`);
  if (file !== undefined && isStdin) {
    throw wrongUsage(`--${name}-stdin and --${name}-file exclude each other.`, command);
  }
  if (file !== undefined) return readSecretFile(`${name}-file`, file, command);
  return isStdin ? asSecret('the standard input', await readInput(), command) : undefined;
}

/** A secret that a program handed over. */
export function asSecret(where: string, text: string, command: string): Secret {
  const value = text.trim();
  if (value === '') throw wrongUsage(`There is nothing in ${where}.`, command);
  return new Secret(value);
}
