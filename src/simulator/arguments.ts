// Reads command lines strictly: an option that nobody knows, a value that is no number and a stray word are each an
// error that says what to write instead. Throws `config_invalid`; the programs print the sentence and exit with 2.
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { ServiceError } from '../errors.ts';
import { type FaultShares, parseFaults, parseShare } from './faults.ts';

/** The values of the options; `--help` is known to all. */
export function readArguments<Options extends ParseArgsOptionsConfig>(
  args: readonly string[],
  options: Options,
) {
  try {
    return parseArgs({ args: withFaultsJoined(args), options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    // Node adds advice about positional arguments, of which there are none here.
    const [what] = (error instanceof Error ? error.message : String(error)).split('. ');
    throw new ServiceError('config_invalid', `${what?.replace(/\.$/, '')}. See --help.`);
  }
}

/** Throws for an option of `meaningless` that was given: whoever writes it means something by it. */
export function refuseOptions(
  args: readonly string[],
  options: ParseArgsOptionsConfig,
  { meaningless, why }: { readonly meaningless: object; readonly why: string },
): void {
  const { tokens } = parseArgs({ args: withFaultsJoined(args), options, tokens: true });
  const refused = tokens.find((token) => token.kind === 'option' && Object.hasOwn(meaningless, token.name));
  if (refused?.kind !== 'option') return;
  throw new ServiceError('config_invalid', `${refused.rawName} means nothing ${why}. See --help.`);
}

// Node takes `-slow` after `--faults` for an option of its own; what takes faults away begins like that.
function withFaultsJoined(args: readonly string[]): string[] {
  const isTakingAway = (index: number) => args[index - 1] === '--faults' && /^-\w\w/.test(args[index] ?? '');
  return args.flatMap((arg, index) => {
    if (isTakingAway(index)) return [];
    return isTakingAway(index + 1) ? [`${arg}=${args[index + 1]}`] : [arg];
  });
}

export function readWholeNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d{1,10}$/.test(text) && value >= min && value <= max) return value;
  throw new ServiceError(
    'config_invalid',
    `--${name} must be a whole number from ${min} to ${max}, not "${text}".`,
  );
}

/** As much as fits into 32 bits. */
export function readSeed(text: string): number {
  return readWholeNumber('seed', text, 0, 4_294_967_295);
}

/** A share from 0 to 1. */
export function readShare(name: string, text: string): number {
  const share = parseShare(text);
  if (share !== undefined) return share;
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
