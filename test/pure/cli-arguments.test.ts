// The command line is read strictly, and what is wrong with it is told in a sentence that names the way out.
import { describe, expect, test } from 'vitest';
import { readCommandLine } from '../../src/cli/arguments.ts';
import { renderHelp } from '../../src/cli/help.ts';
import { commands } from '../../src/cli/run.ts';
import { ServiceError } from '../../src/errors.ts';

function complaint(...args: string[]): string {
  try {
    readCommandLine(args, commands);
  } catch (error) {
    expect(error).toBeInstanceOf(ServiceError);
    expect((error as ServiceError).code).toBe('config_invalid');
    return (error as ServiceError).message;
  }
  throw new Error('nothing was wrong');
}

function reading(...args: string[]) {
  const read = readCommandLine(args, commands);
  if (read.kind !== 'run') throw new Error(`not a run but ${read.kind}`);
  return read;
}

describe('a command', () => {
  test('is found by its words, wherever the flags stand', () => {
    for (const args of [
      ['sessions', 'show', 's-1', '--account', 'acme', '--json'],
      ['--json', 'sessions', '--account=acme', 'show', 's-1'],
    ]) {
      const { command, given } = reading(...args);
      expect(command.name).toBe('sessions show');
      expect(given.operands).toEqual(['s-1']);
      expect(given.text('account')).toBe('acme');
      expect(given.has('json')).toBe(true);
      expect(given.has('url')).toBe(false);
    }
  });

  test('an operand that looks like a flag stands behind --', () => {
    expect(reading('sessions', 'show', '--', '--odd').given.operands).toEqual(['--odd']);
  });

  test.each([
    [['completness'], 'There is no command "completness". Did you mean "completeness"?'],
    [['create'], 'There is no command "create". Did you mean "sessions create" or "keys create"?'],
    [['sesions', 'create'], 'There is no command "sesions". Did you mean "sessions"?'],
    [['sessions', 'creat'], 'There is no command "sessions creat". Did you mean "sessions create"?'],
    [['sessions', 'xyz'], 'There is no command "sessions xyz". There are: create, show, register, list.'],
    [['sessions'], '"sessions" needs one of: create, show, register, list.'],
    [['--json'], 'Say what to do before --json.'],
    [['sessions', 'show'], '"sessions show" needs ID.'],
    [['sessions', 'show', ''], 'ID is empty.'],
    [['sessions', 'show', 'a', 'b'], '"sessions show" takes only ID behind it, and there is more.'],
    [['faces', 'compare', 'a.jpg'], '"faces compare" needs PROBE.'],
  ])('that is none is told: %j', (args, sentence) => {
    expect(complaint(...args)).toContain(sentence);
  });

  test('that is far from every other is answered with all of them', () => {
    expect(complaint('frobnicate')).toContain('There are: start, status, doctor');
  });
});

describe('a flag', () => {
  test.each([
    [['completeness', '--form', 'x'], '"completeness" has no --form. Did you mean --from?'],
    [
      ['completeness', '--threshold', '1'],
      '"completeness" has no --threshold. It belongs to: faces compare.',
    ],
    [['completeness', '--frobnicate'], '"completeness" has no --frobnicate.'],
    [['completeness', '-x'], '"completeness" has no -x.'],
    [['completeness', '--from'], '--from needs a value'],
    [['completeness', '--from', '--json'], '--from needs a value'],
    [['completeness', '--from='], '--from needs a value'],
    [['completeness', '--json=yes'], '--json takes no value.'],
    [['completeness', '--json', '--json'], '--json is given twice.'],
    [['completeness', '--constructor'], '"completeness" has no --constructor.'],
  ])('that is wrong is told: %j', (args, sentence) => {
    expect(complaint(...args)).toContain(sentence);
  });

  test('with a secret on the command line is refused without repeating it', () => {
    for (const args of [
      ['--token', 'canary'],
      ['--token=canary'],
      ['--api-key', 'canary'],
      ['--tokne', 'canary'],
      ['canary-two'],
    ]) {
      expect(complaint('sessions', 'register', 's-1', ...args)).not.toContain('canary');
    }
    expect(complaint('sessions', 'register', 's-1', '--token', 'x')).toContain('--token-stdin');
    expect(complaint('completeness', '--api-key', 'x')).toContain('ILIVE_WEBHOOKS_API_KEY');
  });
});

describe('the help', () => {
  test.each([
    [['--help'], undefined],
    [['help'], undefined],
    [['sessions', '-h'], 'sessions'],
    [['sessions', 'show', '--help'], 'sessions show'],
    [['help', 'completeness'], 'completeness'],
  ])('is asked for by %j', (args, topic) => {
    expect(readCommandLine(args, commands)).toEqual({ kind: 'help', topic });
  });

  test.each(['--version', '-v'])('%s asks for the version', (flag) => {
    expect(readCommandLine([flag], commands)).toEqual({ kind: 'version' });
  });

  test.each(commands.map(({ name }) => name))('of %s names each option and fits a terminal', (name) => {
    const help = renderHelp(name, commands);
    const command = commands.find((each) => each.name === name);
    for (const option of Object.keys(command?.options ?? {})) expect(help).toContain(`--${option}`);
    for (const choice of Object.values(command?.options ?? {}).flatMap(({ choices = [] }) => choices)) {
      expect(help).toMatch(new RegExp(`[ :]${choice}(,|$)`, 'm'));
    }
    expect(help).toContain('Examples:');
    expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThanOrEqual(110);
  });

  test('its examples are command lines that are read', () => {
    for (const example of commands.flatMap(({ examples }) => examples)) {
      const [line = ''] = example
        .replace(/'[^']*'/g, 'quoted')
        .replace(/^.*?ilive-webhooks /, '')
        .split(/ [|<>] /);
      expect(() => readCommandLine(line.split(' '), commands), example).not.toThrow();
    }
  });

  test('of everything names each command', () => {
    const help = renderHelp(undefined, commands);
    for (const { name } of commands) expect(help).toContain(`  ${name}`);
  });
});
