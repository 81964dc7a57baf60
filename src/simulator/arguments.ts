// Reads command lines strictly: an option that nobody knows, a value that is no number and a stray word are each an
// error that says what to write instead. Throws `config_invalid`; the programs print the sentence and exit with 2.
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { ServiceError } from '../errors.ts';
import { type FaultShares, parseFaults } from './faults.ts';

/** The values of the options; `--help` is known to all. */
export function readArguments<Options extends ParseArgsOptionsConfig>(
  args: readonly string[],
  options: Options,
) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    // Node adds advice about positional arguments, of which there are none here.
    const [what] = (error instanceof Error ? error.message : String(error)).split('. ');
    throw new ServiceError('config_invalid', `${what?.replace(/\.$/, '')}. See --help.`);
  }
}

export function readWholeNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d{1,10}$/.test(text) && value >= min && value <= max) return value;
  throw new ServiceError(
    'config_invalid',
    `--${name} must be a whole number from ${min} to ${max}, not "${text}".`,
  );
}

/** A share from 0 to 1. */
export function readShare(name: string, text: string): number {
  const value = Number(text);
  if (/^\d(\.\d{1,9})?$/.test(text) && value <= 1) return value;
  throw new ServiceError('config_invalid', `--${name} must be a number from 0 to 1, not "${text}".`);
}

/** One of the words that the option knows. */
export function readWord<Word extends string>(name: string, text: string, words: readonly Word[]): Word {
  const word = words.find((each) => each === text);
  if (word !== undefined) return word;
  throw new ServiceError('config_invalid', `--${name} must be one of ${words.join(', ')}, not "${text}".`);
}

export function readFaults(text: string): FaultShares {
  const faults = parseFaults(text);
  if (typeof faults === 'string') throw new ServiceError('config_invalid', `--faults: ${faults}.`);
  return faults;
}

export function readUrl(name: string, text: string, schemes: readonly string[]): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && schemes.includes(url.protocol.slice(0, -1))) return url;
  throw new ServiceError(
    'config_invalid',
    `--${name} must be a URL that starts with ${schemes.join(':// or ')}://.`,
  );
}
