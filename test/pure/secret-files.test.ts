// Secrets that stand in files of their own.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseConfig, secretKeys } from '../../src/config.ts';
import { withSecretFiles } from '../../src/secret-files.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'ilive-secrets-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string | Buffer): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

test('each secret is read from the file that its key names, without what ends the line', () => {
  const env = {
    PORT: '80',
    ILIVE_WEBHOOK_SECRETS_FILE: write('signing', '\uFEFFone,two \r\n'),
    ILIVE_WEBHOOK_SECRETS_BY_ACCOUNT_FILE: write('accounts', '{\n  "acme": ["three"]\n}\n'),
    ILIVE_API_KEY: 'iksk_own',
    REDIS_URL_FILE: ' ',
    PGPASSFILE: '/somebody/else',
  };
  expect(withSecretFiles(env, secretKeys)).toEqual({
    PORT: '80',
    ILIVE_WEBHOOK_SECRETS: 'one,two',
    ILIVE_WEBHOOK_SECRETS_BY_ACCOUNT: '{\n  "acme": ["three"]\n}',
    ILIVE_API_KEY: 'iksk_own',
    PGPASSFILE: '/somebody/else',
  });
  const { signingKeys } = parseConfig(withSecretFiles(env, secretKeys)).receive;
  expect(signingKeys.map(({ account, secrets }) => [account, secrets.map((each) => each.reveal())])).toEqual([
    ['default', ['one', 'two']],
    ['acme', ['three']],
  ]);
});

test('all that is wrong is told at once, and nothing of what a file holds', () => {
  const missing = path.join(folder, 'missing');
  const wide = write('wide', Buffer.from('\uFEFFcanary', 'utf16le')); // as some shells of Windows write
  const [empty, lines, fine] = [
    write('empty', '\n'),
    write('lines', 'canary\nnary'),
    write('fine', 'canary'),
  ];
  const env = {
    DATABASE_URL_FILE: missing,
    REDIS_URL_FILE: folder,
    ILIVE_WEBHOOK_SECRETS_FILE: lines,
    ILIVE_API_KEY: 'canary',
    ILIVE_API_KEY_FILE: fine,
    ENCRYPTION_KEYS_FILE: empty,
    BOOTSTRAP_API_KEY_FILE: wide,
  };
  const read = () => withSecretFiles(env, secretKeys);
  expect(read).toThrow(
    expect.objectContaining({
      code: 'config_invalid',
      message: [
        'The configuration cannot be used:',
        `  - DATABASE_URL_FILE: ${missing} cannot be read (ENOENT)`,
        `  - REDIS_URL_FILE: ${folder} cannot be read (EISDIR)`,
        `  - ILIVE_WEBHOOK_SECRETS_FILE: ${lines} holds several lines; several secrets are separated by commas`,
        '  - ILIVE_API_KEY_FILE: ILIVE_API_KEY is set as well; set one of them',
        `  - ENCRYPTION_KEYS_FILE: ${empty} is empty`,
        `  - BOOTSTRAP_API_KEY_FILE: ${wide} is not text in UTF-8`,
      ].join('\n'),
    }),
  );
});

test('a name that was meant for one of them is no key, and the nearest is named', () => {
  const env = { ILIVE_WEBHOOK_SECRETS: 'one', ILIVE_APIKEY_FILE: '/run/x', DATABSE_URL_FILE: '/run/y' };
  expect(() => parseConfig(env, ['DATABSE_URL_FILE'])).toThrow(
    / - ILIVE_APIKEY_FILE: there is no such key; did you mean ILIVE_API_KEY_FILE\?\n.* - DATABSE_URL_FILE: .* DATABASE_URL_FILE\?$/,
  );
  expect(() => parseConfig({ ...env, ILIVE_APIKEY_FILE: '', PORT_FILE: '1' }, [])).toThrow(
    /ILIVE_APIKEY_FILE/,
  );
});
