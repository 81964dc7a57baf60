// The completion scripts know every command, option and closed list; bash's is run in a real bash.
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { commands } from '../../src/cli/run.ts';
import { runCli } from './run-cli.ts';

const scriptOf = async (shell: string) => (await runCli(['completion', shell])).out;

let bashScript: Promise<string> | undefined;

async function complete(...words: string[]): Promise<string[]> {
  bashScript ??= scriptOf('bash');
  const script = await bashScript;
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const program = `${script}
COMP_WORDS=(ilive-webhooks ${quoted}); COMP_CWORD=${words.length}; _ilive_webhooks; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const out = execFileSync('bash', ['--norc', '-c', program], { encoding: 'utf8' });
  return out
    .trim()
    .split('\n')
    .filter((line) => line !== '');
}

test('bash completes commands, verbs, options and values', async () => {
  expect(await complete('refu')).toEqual(['refusals']);
  expect(await complete('')).toEqual(
    expect.arrayContaining([...new Set(commands.map(({ name }) => name.split(' ')[0] ?? '')), '--help']),
  );
  expect(await complete('refusals', 're')).toEqual(['reverify']);
  expect(await complete('replay', '--dr')).toEqual(['--dry-run']);
  expect(await complete('refusals', 'reverify', '--cl')).toEqual(['--clock-offset']);
  expect(await complete('deliveries', 'list', '--state', 'pa')).toEqual(['parked']);
  for (const { name, options } of commands) {
    const flags = await complete(...name.split(' '), '--');
    expect({ name, flags }).toEqual({
      name,
      flags: [...Object.keys(options), 'help'].map((option) => `--${option}`),
    });
  }
});

test('zsh and fish get every command and option too', async () => {
  const zsh = await scriptOf('zsh');
  expect(zsh.startsWith('autoload -U +X bashcompinit && bashcompinit\n')).toBe(true);
  const fish = await scriptOf('fish');
  for (const { name, options } of commands) {
    for (const word of name.split(' ')) expect(fish).toContain(`-a ${word} -d`);
    for (const option of Object.keys(options)) expect(fish).toContain(`-l ${option}`);
  }
});
