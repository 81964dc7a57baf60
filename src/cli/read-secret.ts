// Reads a secret from a file or the standard input, never from the command line, where every list of processes shows it.
import { readFile } from 'node:fs/promises';
import { printable } from '../printable.ts';
import { Secret } from '../secret.ts';
import { wrongUsage } from './command.ts';

/** The file's text without the line's end that editors leave; `option` is what the errors name. */
export async function readSecretFile(option: string, path: string, command: string): Promise<Secret> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown trouble';
    throw wrongUsage(`--${option}: ${printable(path)} cannot be read (${reason}).`, command);
  });
  return asSecret(`the file of --${option}`, text, command);
}

/** A secret that a program handed over. */
export function asSecret(where: string, text: string, command: string): Secret {
  const value = text.trim();
  if (value === '') throw wrongUsage(`There is nothing in ${where}.`, command);
  return new Secret(value);
}
