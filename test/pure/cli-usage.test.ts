// What a command can tell by itself is wrong, it tells before anything is asked of anybody.
import { expect, test } from 'vitest';
import { readCommandLine } from '../../src/cli/arguments.ts';
import { commands } from '../../src/cli/run.ts';

// Where nobody could answer: a command that asked would fail in another way.
const env = { ILIVE_WEBHOOKS_URL: 'http://127.0.0.1:1', ILIVE_WEBHOOKS_API_KEY: 'key' };

async function run(args: readonly string[], changes: Record<string, string> = {}): Promise<number> {
  const read = readCommandLine(args, commands);
  if (read.kind !== 'run') throw new Error(`not a run but ${read.kind}`);
  return read.command.run(read.given, {
    env: { ...env, ...changes },
    now: () => new Date(),
    print: () => {},
    tell: () => {},
    paint: (_format, text) => text,
    isTerminal: false,
    terminalSize: () => undefined,
    question: () => Promise.reject(new Error('nobody is there')),
    interrupted: () => AbortSignal.timeout(60_000),
    readInput: async () => ' \n',
  });
}

test.each<[string[], string]>([
  [['sessions', 'create'], '--reference is needed.'],
  [['sessions', 'create', '--reference', 'u', '--mode', 'odd'], '--mode must be one of passive, active.'],
  [['sessions', 'create', '--reference', 'u', '--idempotency-key', 'a b'], '--idempotency-key must be'],
  [['sessions', 'show', '..'], 'ID cannot be a session’s.'],
  [['keys', 'revoke', '..', '--why', 'x'], 'ID cannot be a key’s.'],
  [['sessions', 'register', 's', '--expires-at', 'soon'], '--expires-at must be a time'],
  [['sessions', 'register', 's', '--token-stdin'], 'There is nothing in the standard input.'],
  [
    ['sessions', 'register', 's', '--token-file', 'nowhere'],
    '--token-file: nowhere cannot be read (ENOENT).',
  ],
  [['sessions', 'register', 's', '--token-stdin', '--token-file', 'x'], 'exclude each other.'],
  [['completeness', '--from', 'yesterday'], '--from must be a time such as'],
  [['completeness', '--url', 'ftp://x'], '--url must be an address such as'],
  [['completeness', '--url', 'http://user:pass@x'], '--url must be an address alone'],
  [['completeness', '--api-key-file', 'nowhere'], '--api-key-file: nowhere cannot be read (ENOENT).'],
  [['faces', 'detect', 'README.md'], 'IMAGE: README.md is neither a JPEG nor a PNG; nothing was sent.'],
  [['faces', 'detect', 'nowhere.jpg'], 'IMAGE: nowhere.jpg cannot be read (ENOENT).'],
  [['faces', 'compare', 'a', 'b', '--threshold', '45'], '--threshold must be a number from 0 to 1'],
  [['faces', 'detect', 'a', '--attributes', 'some'], '--attributes must be one of default, all, none.'],
])('%j', async (args, sentence) => {
  await expect(run(args)).rejects.toMatchObject({
    code: 'config_invalid',
    message: expect.stringContaining(sentence),
  });
});

test('a key or an address of the environment is told by the name of its variable', async () => {
  await expect(run(['completeness'], { ILIVE_WEBHOOKS_API_KEY: '' })).rejects.toThrow(
    'set ILIVE_WEBHOOKS_API_KEY',
  );
  await expect(run(['completeness'], { ILIVE_WEBHOOKS_URL: 'x' })).rejects.toThrow(
    'ILIVE_WEBHOOKS_URL must be',
  );
});
