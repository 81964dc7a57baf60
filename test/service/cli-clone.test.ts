// In a clone `npm run cli -- …` stands for the installed command, on any Node that npm runs on: it works in the folder of who
// calls, and hands signals on.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root } from '../support/source-tree.ts';
import { until } from '../support/until.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'cli-clone-'));
});
afterAll(() => rm(folder, { recursive: true }));

// As npm starts the script: in the root of the clone, with the caller's folder in INIT_CWD.
const start = (...args: string[]) =>
  spawn(process.execPath, ['scripts/run.mjs', 'src/cli/main.ts', ...args], {
    cwd: root,
    env: { PATH: process.env.PATH ?? '', INIT_CWD: folder, ILIVE_WEBHOOKS_API_KEY: 'key' },
    stdio: 'pipe',
  });

test('a file is looked for where the caller stands', async () => {
  await writeFile(path.join(folder, 'note.txt'), 'no image');
  const child = start('faces', 'detect', 'note.txt');
  expect(await text(child.stderr)).toMatch(/^IMAGE: note\.txt is neither a JPEG nor a PNG/);
});

test('Ctrl-C, sent to it alone, reaches the command', async () => {
  const child = start('status', '--watch', '--url', 'http://127.0.0.1:1');
  const ended = new Promise((resolve) => child.once('close', resolve));
  let out = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  try {
    await until(() => out.includes('away: No service answers'));
    child.kill('SIGINT');
    expect(await ended).toBe(0);
  } finally {
    child.kill('SIGTERM');
  }
});
