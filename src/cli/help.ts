// The help: of the whole program, of a group of commands, and of one command; written from the commands themselves.
import type { Command, Options } from './command.ts';

const widthMax = 100;

const intro = `
Asks a running ilive-webhooks, asks iLive, or starts the service.

Usage: ilive-webhooks COMMAND [options]
`.trim();

const outro = `
Every command has a --help of its own with examples; --version prints the version.

  ILIVE_WEBHOOKS_URL      where the service is (default http://127.0.0.1:8080)
  ILIVE_WEBHOOKS_API_KEY  a key for its API, such as its BOOTSTRAP_API_KEY
  ILIVE_API_KEY           a key for iLive, which the faces commands ask directly

Exit codes: 0 done; 1 the answer is no, or it failed; 2 the command line is wrong,
and nothing was done.
`.trim();

/** The help on `topic`: a command, the first word of some, or undefined for everything. */
export function renderHelp(topic: string | undefined, commands: readonly Command[]): string {
  const command = commands.find(({ name }) => name === topic);
  if (command !== undefined) return renderCommand(command);
  const listed = commands.filter(({ name }) => topic === undefined || name.startsWith(`${topic} `));
  const lines = columns(
    listed.map(({ name, operands, summary }) => [[name, ...operands].join(' '), summary]),
  );
  if (topic === undefined) return [intro, lines, outro].join('\n\n');
  const examples = listed.flatMap((each) => each.examples.slice(0, 1));
  return [
    `Usage: ilive-webhooks ${topic} COMMAND [options]`,
    lines,
    renderExamples(examples),
    `Each has a --help of its own: ilive-webhooks ${listed[0]?.name} --help`,
  ].join('\n\n');
}

function renderCommand({ name, operands, summary, details, options, examples }: Command): string {
  const usage = ['ilive-webhooks', name, ...operands, '[options]'].join(' ');
  return [
    `${summary}.`,
    `Usage: ${usage}`,
    ...(details === '' ? [] : [details]),
    renderOptions({ ...options, help: { doc: 'this text' } }),
    renderExamples(examples),
  ].join('\n\n');
}

function renderOptions(options: Options): string {
  return columns(
    Object.entries(options).map(([name, { value, choices, doc }]) => [
      `--${name}${value === undefined ? '' : ` ${value}`}`,
      choices === undefined ? doc : `${doc}: ${choices.join(', ')}`,
    ]),
  );
}

function renderExamples(examples: readonly string[]): string {
  return ['Examples:', ...examples.map((example) => `  ${example}`)].join('\n');
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  const indent = ' '.repeat(width + 4);
  return rows
    .map(
      ([left, right]) => `  ${left.padEnd(width)}  ${wrap(right, widthMax - width - 4).join(`\n${indent}`)}`,
    )
    .join('\n');
}

function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}
