// A secret may stand in a file of its own, whose name `<KEY>_FILE` tells, as orchestrators mount theirs: then it is in no
// environment, which `docker inspect` shows and every child inherits. No problem tells what a file holds.
import { readFileSync } from 'node:fs';
import { unusableConfig } from './errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export const fileKeyOf = (key: string): string => `${key}_FILE`;

/**
 * `env` with each of `keys` read from the file that `<key>_FILE` names, where it names one. Throws `config_invalid` with every
 * problem, one a line.
 */
export function withSecretFiles(env: Environment, keys: readonly string[]): Environment {
  const problems: string[] = [];
  const read: Record<string, string | undefined> = { ...env };
  for (const key of keys) {
    const name = fileKeyOf(key);
    const file = env[name]?.trim();
    delete read[name];
    if (!file) continue;
    const { text = '', flaw } = env[key]?.trim()
      ? { flaw: `${key} is set as well; set one of them` }
      : readSecret(file);
    if (flaw === undefined) read[key] = text;
    else problems.push(`${name}: ${flaw}`);
  }
  if (problems.length === 0) return read;
  throw unusableConfig(problems);
}

function readSecret(file: string): { readonly text?: string; readonly flaw?: string } {
  let text: string;
  try {
    // Another encoding would be read as a secret that nothing matches. A byte order mark is left out.
    text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file)).trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const isOfBytes = code === 'ERR_ENCODING_INVALID_ENCODED_DATA';
    return { flaw: isOfBytes ? `${file} is not text in UTF-8` : `${file} cannot be read (${code})` };
  }
  if (text === '') return { flaw: `${file} is empty` };
  // One secret a line would be one secret with a line break in it, which nothing matches.
  const isOneValue = text.startsWith('{') || !/[\r\n]/.test(text);
  return isOneValue
    ? { text }
    : { flaw: `${file} holds several lines; several secrets are separated by commas` };
}
