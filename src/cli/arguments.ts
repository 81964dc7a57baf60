// Reads the command line strictly: a word or a flag that nobody knows, a value that is missing and one too many are each
// an error that says what to write instead. It never repeats a value, since somebody may have put a secret where none
// belongs: on a command line, every list of processes shows it.
import { parseArgs } from 'node:util';
import { nearest } from '../nearest.ts';
import { type Command, type Given, wrongUsage } from './command.ts';

export type Reading =
  | { readonly kind: 'help'; readonly topic: string | undefined }
  | { readonly kind: 'version' }
  | { readonly kind: 'run'; readonly command: Command; readonly given: Given };

type Token = ReturnType<typeof tokenize>[number];
type OptionToken = Extract<Token, { kind: 'option' }>;

// What people would try first, and what to do instead.
const secretFlags: Readonly<Record<string, string>> = {
  token:
    'A token does not belong on a command line, which others can see. Use --token-stdin or --token-file.',
  secret:
    'A secret does not belong on a command line, which others can see. Use --secret-stdin or --secret-file.',
  'api-key':
    'A key does not belong on a command line, which others can see. Use ILIVE_WEBHOOKS_API_KEY or --api-key-file.',
};

/** What `args` ask for. Throws `config_invalid` with a sentence. */
export function readCommandLine(args: readonly string[], commands: readonly Command[]): Reading {
  const tokens = tokenize(args, commands);
  const words = tokens.filter((token) => token.kind === 'positional').map(({ value }) => value);
  const flags = tokens.filter((token) => token.kind === 'option');
  if (words[0] === 'help') return { kind: 'help', topic: topicOf(words.slice(1), commands) };
  if (flags.some(({ name }) => name === 'help' || name === 'h')) {
    return { kind: 'help', topic: topicOf(words, commands) };
  }
  if (flags.some(({ name }) => name === 'version' || name === 'v')) return { kind: 'version' };
  const [flag] = flags;
  if (words.length === 0 && flag !== undefined) {
    throw wrongUsage(`Say what to do before ${flag.rawName}.`);
  }
  const command = findCommand(words, commands);
  const values = readFlags(flags, command, commands);
  const operands = words.slice(command.name.split(' ').length);
  checkOperands(operands, command);
  const given: Given = {
    operands,
    text: (option) => values.get(option),
    has: (option) => values.has(option),
  };
  return { kind: 'run', command, given };
}

function tokenize(args: readonly string[], commands: readonly Command[]) {
  const known = commands.flatMap(({ options }) => Object.entries(options));
  const options = Object.fromEntries(
    known.map(([name, { value }]) => [name, { type: value === undefined ? 'boolean' : 'string' } as const]),
  );
  return parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

function topicOf(words: readonly string[], commands: readonly Command[]): string | undefined {
  const [first, second] = words;
  if (first === undefined) return undefined;
  const both = `${first} ${second}`;
  if (commands.some(({ name }) => name === both)) return both;
  if (commands.some(({ name }) => name === first || name.startsWith(`${first} `))) return first;
  throw unknownCommand(first, commands);
}

function findCommand(words: readonly string[], commands: readonly Command[]): Command {
  const [first, second] = words;
  if (first === undefined) throw wrongUsage('Say what to do.');
  const found = commands.find(({ name }) => name === first || name === `${first} ${second}`);
  if (found !== undefined) return found;
  const group = commands.filter(({ name }) => name.startsWith(`${first} `));
  if (group.length === 0) throw unknownCommand(first, commands);
  const verbs = group.map(({ name }) => name.slice(first.length + 1));
  if (second === undefined) throw wrongUsage(`"${first}" needs one of: ${verbs.join(', ')}.`, first);
  const meant = nearest(second, verbs);
  const advice =
    meant === undefined ? `There are: ${verbs.join(', ')}.` : `Did you mean "${first} ${meant}"?`;
  throw wrongUsage(`There is no command "${first} ${shown(second)}". ${advice}`, first);
}

function unknownCommand(word: string, commands: readonly Command[]): Error {
  const names = commands.map(({ name }) => name);
  const firsts = [...new Set(names.map((name) => name.split(' ')[0] ?? name))];
  const near = nearest(word, [...names, ...names.flatMap((name) => name.split(' '))]);
  const meant =
    near === undefined || firsts.includes(near)
      ? near
      : names
          .filter((name) => name === near || name.endsWith(` ${near}`))
          .map((name) => `"${name}"`)
          .join(' or ')
          .replace(/^"|"$/g, '');
  const advice = meant === undefined ? `There are: ${firsts.join(', ')}.` : `Did you mean "${meant}"?`;
  return wrongUsage(`There is no command "${shown(word)}". ${advice}`);
}

function readFlags(
  flags: readonly OptionToken[],
  { name: command, options }: Command,
  commands: readonly Command[],
): Map<string, string> {
  const values = new Map<string, string>();
  for (const { name, rawName, value, inlineValue } of flags) {
    const option = Object.hasOwn(options, name) ? options[name] : undefined;
    if (option === undefined) throw unknownFlag(name, rawName, command, Object.keys(options), commands);
    if (values.has(name)) throw wrongUsage(`${rawName} is given twice.`, command);
    if (option.value === undefined) {
      if (inlineValue) throw wrongUsage(`${rawName} takes no value.`, command);
    } else if (value === undefined || value === '' || (!inlineValue && value.startsWith('-'))) {
      throw wrongUsage(
        `${rawName} needs a value (one that begins with - is given as ${rawName}=…).`,
        command,
      );
    }
    const { choices } = option;
    if (choices !== undefined && !choices.includes(value ?? '')) {
      throw wrongUsage(`${rawName} must be one of ${choices.join(', ')}.`, command);
    }
    values.set(name, value ?? '');
  }
  return values;
}

function unknownFlag(
  name: string,
  rawName: string,
  command: string,
  known: readonly string[],
  commands: readonly Command[],
): Error {
  const secretAdvice = Object.hasOwn(secretFlags, name) ? secretFlags[name] : undefined;
  if (secretAdvice !== undefined) return wrongUsage(secretAdvice, command);
  const near = nearest(name, known);
  if (near !== undefined) {
    return wrongUsage(`"${command}" has no ${shown(rawName)}. Did you mean --${near}?`, command);
  }
  const others = commands.filter(({ options }) => Object.hasOwn(options, name)).map((other) => other.name);
  const advice = others.length > 0 ? ` It belongs to: ${others.join(', ')}.` : '';
  return wrongUsage(`"${command}" has no ${shown(rawName)}.${advice}`, command);
}

function checkOperands(operands: readonly string[], { name, operands: wanted }: Command): void {
  const missing = wanted[operands.length];
  if (missing !== undefined && !missing.startsWith('['))
    throw wrongUsage(`"${name}" needs ${missing}.`, name);
  const isOpen = wanted.at(-1)?.includes('…') ?? false;
  if (operands.length > wanted.length && !isOpen) {
    const what = wanted.length === 0 ? 'nothing behind it' : `only ${wanted.join(' and ')} behind it`;
    throw wrongUsage(`"${name}" takes ${what}, and there is more.`, name);
  }
  const empty = operands.indexOf('');
  if (empty !== -1) throw wrongUsage(`${wanted[Math.min(empty, wanted.length - 1)]} is empty.`, name);
}

const shownChars = 40;

function shown(word: string): string {
  return word.length > shownChars ? `${word.slice(0, shownChars)}…` : word;
}
